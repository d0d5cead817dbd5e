// Written by `node docs/aos-modules.ts`, which asks the images themselves. Not edited by hand.

/** An aos image by its name and its id, and the modules that it carries besides those of every image. */
interface AosImage {
  readonly name: string;
  readonly id: string;
  readonly modules: readonly string[];
  /** The largest Eval in bytes of JSON, where it is less than a bundle may need: its stack is small. */
  readonly maxEvalBytes?: number;
}

/** Modules that every image below carries. */
export const IN_EVERY_IMAGE: readonly string[] = [
  ".base64",
  ".bint",
  ".chance",
  ".crypto",
  ".crypto.cipher",
  ".crypto.cipher.aes",
  ".crypto.cipher.aes128",
  ".crypto.cipher.aes192",
  ".crypto.cipher.aes256",
  ".crypto.cipher.init",
  ".crypto.cipher.issac",
  ".crypto.cipher.mode.cbc",
  ".crypto.cipher.mode.cfb",
  ".crypto.cipher.mode.ctr",
  ".crypto.cipher.mode.ecb",
  ".crypto.cipher.mode.ofb",
  ".crypto.cipher.morus",
  ".crypto.cipher.norx",
  ".crypto.digest",
  ".crypto.digest.blake2b",
  ".crypto.digest.init",
  ".crypto.digest.md2",
  ".crypto.digest.md4",
  ".crypto.digest.md5",
  ".crypto.digest.sha1",
  ".crypto.digest.sha2_256",
  ".crypto.digest.sha2_512",
  ".crypto.digest.sha3",
  ".crypto.init",
  ".crypto.kdf",
  ".crypto.kdf.init",
  ".crypto.kdf.pbkdf2",
  ".crypto.mac",
  ".crypto.mac.hmac",
  ".crypto.mac.init",
  ".crypto.padding.zero",
  ".crypto.util",
  ".crypto.util.array",
  ".crypto.util.bit",
  ".crypto.util.hex",
  ".crypto.util.init",
  ".crypto.util.queue",
  ".crypto.util.stream",
  ".default",
  ".dump",
  ".eval",
  ".handlers",
  ".handlers-utils",
  ".pretty",
  ".process",
  ".stringify",
  ".utils",
  "_G",
  "__lua_webassembly__",
  "ao",
  "bit32",
  "coroutine",
  "debug",
  "io",
  "json",
  "math",
  "os",
  "package",
  "string",
  "table",
  "utf8",
];

/** The images, the default first. */
export const AOS_IMAGES: readonly AosImage[] = [
  {
    name: "aos-2.0.6",
    id: "ISShJH1ij-hPPt9St5UFFr_8Ys3Kj5cyg7zrMGt7H9s",
    modules: [".ao", ".assignment", ".boot"],
  },
  {
    name: "aos-2.0.3",
    id: "JArYBF-D8q2OmZ4Mok00sD2Y_6SYEQ7Hjx-6VZ_jl3g",
    modules: [".ao", ".assignment", ".boot"],
  },
  {
    name: "aos-2.0.1",
    id: "Do_Uc2Sju_ffp6Ev0AnLVdPtot15rvMjP-a9VVaA5fM",
    modules: [".ao", ".assignment", ".boot"],
  },
  {
    name: "aos-2.0.4-wasm32",
    id: "WASM32-D8q2OmZ4Mok00sD2Y_6SYEQ7Hjx-6VZ_jl3g",
    modules: [".ao", ".assignment", ".boot"],
  },
  {
    name: "aos-sqlite",
    id: "ghSkge2sIUD_F00ym5sEimC63BDBuBrq4b5OcwxOjiw",
    modules: ["lsqlite3"],
    maxEvalBytes: 60000,
  },
];
