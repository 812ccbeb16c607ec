import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { cacheFolder } from "./cache.mjs";
import { clone } from "./clone.mjs";
import { run } from "./command.mjs";

const packages = ["@sparticuz/chromium", "dejavu-fonts-ttf"];
const fonts = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"];
/** Goes up when what is unpacked, or how, changes. */
const recipe = 1;

/** The package has a Chromium for this kind of processor alone. */
export const hasBrowser = process.platform === "linux" && process.arch === "x64";

/**
 * Where the tests' browser is, and the environment that it needs: its own libraries and its own fonts, so that it draws the same on every
 * machine and nothing has to be installed.
 */
export function browser(cache = cacheFolder()) {
  const folder = join(cache, "browser", contentKey());
  return {
    folder,
    executable: join(folder, "chromium"),
    env: { LD_LIBRARY_PATH: join(folder, "lib"), FONTCONFIG_FILE: join(folder, "fonts.conf") },
  };
}

/** Unpacks the headless Chromium that came as an npm package, and fonts beside it, into the cache, where it is not there yet. */
export async function installBrowser(cache = cacheFolder()) {
  if (!hasBrowser) return `none for ${process.platform} on ${process.arch}`;
  const { folder, executable } = browser(cache);
  if (existsSync(executable)) return "unchanged";
  await mkdir(dirname(folder), { recursive: true });
  const half = await mkdtemp(`${folder}.`);
  try {
    await unpack(half, folder);
    await rename(half, folder);
  } catch (error) {
    // Another set-up may have been faster.
    if (!existsSync(executable)) throw error;
    return "unchanged";
  } finally {
    await rm(half, { recursive: true, force: true });
  }
  return "unpacked";
}

async function unpack(half, folder) {
  const packed = (name) => join(clone, "node_modules/@sparticuz/chromium/bin", `${name}.br`);
  const inflated = (name, to) =>
    pipeline(createReadStream(packed(name)), createBrotliDecompress(), createWriteStream(join(half, to)));
  await mkdir(join(half, "fonts"));
  await Promise.all([
    inflated("chromium", "chromium"),
    inflated("al2023.tar", "libraries.tar"),
    ...fonts.map((font) =>
      copyFile(join(clone, "node_modules/dejavu-fonts-ttf/ttf", font), join(half, "fonts", font)),
    ),
    writeFile(join(half, "fonts.conf"), fontsConf(folder)),
  ]);
  await run([
    "tar",
    "--extract",
    "--no-same-owner",
    "--file",
    join(half, "libraries.tar"),
    "--directory",
    half,
  ]);
  await rm(join(half, "libraries.tar"));
  await chmod(join(half, "chromium"), 0o755);
}

/** No font of the machine's: DejaVu is the widest of those that reports meet, so what fits here fits elsewhere. */
function fontsConf(folder) {
  const alias = (family, prefer) =>
    `<alias binding="same"><family>${family}</family><prefer><family>${prefer}</family></prefer></alias>`;
  return [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    "<fontconfig>",
    `<dir>${folder}/fonts</dir>`,
    `<cachedir>${folder}/fonts.cache</cachedir>`,
    alias("sans-serif", "DejaVu Sans"),
    alias("system-ui", "DejaVu Sans"),
    alias("monospace", "DejaVu Sans Mono"),
    "</fontconfig>",
    "",
  ].join("\n");
}

/** What it is made of, as the lock file pins it. */
function contentKey() {
  const lock = JSON.parse(readFileSync(join(clone, "package-lock.json"), "utf8"));
  const parts = packages.map((name) => lock.packages[`node_modules/${name}`].integrity);
  return createHash("sha256")
    .update(JSON.stringify([recipe, ...parts]))
    .digest("hex")
    .slice(0, 16);
}
