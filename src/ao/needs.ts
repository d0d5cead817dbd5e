/** What a deployment needs of its network, so that a preview can ask for it. */
export interface Needs {
  /** Ids and aliases of modules that run new processes, and must already be on the network. @default none */
  readonly modules?: readonly string[];
  /** Devices that run new processes, on networks that have devices. @default none */
  readonly devices?: readonly string[];
  /**
   * Whether the processes may exist already, because it is not known here what runs. Then a node without their module or device is a warning.
   * @default false
   */
  readonly mayRun?: boolean;
  /** Whether it uploads something. @default false */
  readonly upload?: boolean;
  /** What it sends, and who pays. @default not asked */
  readonly spending?: Spending;
  /** The caller's own call of the node, whose failure the caller reports. @default the node is called here */
  readonly reached?: Promise<unknown>;
}

/** What a deployment sends at least, in numbers that a price depends on. */
export interface Spending {
  /** The address of the wallet that signs it. */
  readonly payer: string;
  /** New processes. */
  readonly spawns: number;
  /** Messages to processes. */
  readonly messages: number;
  /** Bytes of all of them. */
  readonly bytes: number;
  /** Whether all of it has to be sent; false if more may run already than is known here. A wallet that cannot pay is a warning then. */
  readonly isCertain: boolean;
}
