import { FleetError } from "../../src/core/errors.ts";
import type { Action, Observation, ProcessView, Source } from "../../src/dashboard/view.ts";

const id = (name: string) => `${name.replaceAll("-", "_")}${"x".repeat(43)}`.slice(0, 43);

export function processView(name: string, more: Partial<ProcessView> = {}): ProcessView {
  return {
    name,
    processId: id(name),
    health: "HEALTHY",
    version: "1.0.0",
    sourceHash: "ab".repeat(32),
    generation: 1,
    epoch: 3,
    release: "deploy-1",
    reasons: [],
    dependsOn: [],
    peers: {},
    configVersions: { PROCESS_CONFIG: 2 },
    figures: { messages: 7, errors: 0, refused: 1, luaHeapKB: 900 },
    explorer: null,
    node: null,
    ...more,
  };
}

/** A fleet whose every answer can be set, to test the page against its source. */
export class FakeSource implements Source {
  observation: Observation;
  readonly acted: Action[] = [];
  refuses: FleetError | undefined;
  observed = 0;

  constructor(processes: ProcessView[]) {
    this.observation = {
      project: "game",
      stack: "dev",
      network: "local",
      processes,
      releases: [],
      traffic: null,
      alerts: [],
      problems: [],
      unread: [],
    };
  }

  set(change: Partial<Observation>): void {
    this.observation = { ...this.observation, ...change };
  }

  async observe(): Promise<Observation> {
    this.observed += 1;
    return this.observation;
  }

  async messages(process: string, before: number | undefined, limit: number) {
    if (!this.observation.processes.some(({ name }) => name === process)) {
      throw new FleetError({ code: "UNKNOWN_PROCESS", what: `No ${process} here.`, remedy: "Look." });
    }
    const newest = before === undefined ? 40 : before - 1;
    return Array.from({ length: Math.min(limit, newest + 1) }, (_, index) => ({
      slot: newest - index,
      id: `message-${newest - index}`,
      at: "2026-01-01T00:00:00.000Z",
      from: id("client"),
      action: "ADD",
      data: `{"by":${newest - index},"html":"<b>bold</b>"}`,
      outcome: ["sent ADD-Response"],
      failed: (newest - index) % 10 === 0,
      explorer: null,
    }));
  }

  async audit() {
    return [
      {
        seq: 1,
        at: "2026-01-01T00:00:00.000Z",
        from: id("thief"),
        action: "RETIRE",
        outcome: "refused",
        code: "FORBIDDEN",
      },
    ];
  }

  async difference(from: string, to: string) {
    return [{ name: "battle", changes: [{ field: "version", before: `of ${from}`, after: `of ${to}` }] }];
  }

  async act(action: Action, say: (line: string) => void) {
    if (this.refuses) throw this.refuses;
    this.acted.push(action);
    say(`done: ${action.kind}`);
  }
}

export const guideFleet = (): ProcessView[] => [
  processView("coordinator"),
  processView("admin"),
  processView("battle", { dependsOn: ["coordinator"], peers: { coordinator: id("coordinator") } }),
  processView("shop", { dependsOn: ["coordinator"] }),
];
