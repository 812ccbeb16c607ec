import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { browser, installBrowser } from "../../tools/browser.mjs";

/** How a page is looked at. */
export interface Look {
  readonly width: number;
  readonly scheme?: "light" | "dark";
  readonly media?: "screen" | "print";
}

/** Where pictures go that the tests take, for people. */
export const pictures = join(import.meta.dirname, "../../.nfvlab/pictures");
const inPage = readFileSync(join(import.meta.dirname, "in-page.js"), "utf8");
const HEIGHT = 900;
/** Height of a picture, px. */
const TALLEST = 2000;

/** The headless browser of the tests, without a network. */
export class Onlooker {
  readonly #browser: Browser;
  readonly #folder = mkdtempSync(join(tmpdir(), "nfvlab-page-"));

  private constructor(opened: Browser) {
    this.#browser = opened;
  }

  static async open(): Promise<Onlooker> {
    await installBrowser();
    const { executable, env } = browser();
    const opened = await chromium.launch({
      executablePath: executable,
      env: { ...process.env, ...env },
      // Letters in the same places at every size, and nothing that asks for a network by itself.
      args: ["--font-render-hinting=none", "--disable-background-networking", "--disable-gpu"],
    });
    return new Onlooker(opened);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Opens a file's text as a browser opens the file. */
  async look(
    name: string,
    text: string,
    { width, scheme = "light", media = "screen" }: Look,
  ): Promise<Sight> {
    const file = join(this.#folder, name);
    writeFileSync(file, text);
    const context = await this.#browser.newContext({
      viewport: { width, height: HEIGHT },
      colorScheme: scheme,
      offline: true,
      javaScriptEnabled: true,
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    const url = pathToFileURL(file).href;
    page.on("request", (request) => {
      if (request.url() !== url) complaints.push(`asked for ${request.url()}`);
    });
    page.on("console", (message) => complaints.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    await page.emulateMedia({ media });
    await page.goto(url);
    return new Sight(page, complaints);
  }
}

/** A page as it is seen. */
export class Sight {
  readonly page: Page;
  /** Requests beside the page's own, and what the browser said against it. */
  readonly complaints: readonly string[];

  constructor(page: Page, complaints: readonly string[]) {
    this.page = page;
    this.complaints = complaints;
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  /** Everything that is wrong with how it looks, a sentence each. */
  async faults(): Promise<string[]> {
    const [overlaps, overflows, escapes, nameless] = await Promise.all([
      this.#ask<string[]>("overlappingTexts()"),
      this.#ask<string[]>("overflowing()"),
      this.#ask<string[]>("escapingTexts()"),
      this.#ask<string[]>("unnamed()"),
    ]);
    return [
      ...overlaps.map((fault) => `texts lie on each other: ${fault}`),
      ...overflows.map((fault) => `overflow: ${fault}`),
      ...escapes.map((fault) => `text: ${fault}`),
      ...nameless.map((fault) => `name: ${fault}`),
    ];
  }

  /** Texts below the contrast that WCAG 2.2 asks for at level AA. */
  async faint(): Promise<{ readonly looked: number; readonly found: readonly string[] }> {
    const texts = JSON.stringify(await this.#ask("paintedTexts()"));
    const style = await this.page.addStyleTag({
      content: "*{color:transparent!important}svg text{fill:transparent!important}",
    });
    const ground = (await this.page.screenshot({ fullPage: true })).toString("base64");
    await style.evaluate((element: { remove(): void }) => element.remove());
    return await this.#elsewhere(`faintTexts("${ground}", ${texts})`);
  }

  /** The smallest text, px. */
  async smallestText(): Promise<number> {
    return await this.#ask(
      "paintedTexts().reduce((least, { size }) => Math.min(least, size), Number.POSITIVE_INFINITY)",
    );
  }

  /** What axe finds against the page, a sentence for each rule. */
  async barriers(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    const { violations } = await this.page.evaluate<axe.AxeResults>("axe.run()");
    return violations.map(
      ({ id, help, nodes }) => `${id}: ${help} (${nodes.length}, ${nodes[0]?.html.slice(0, 200)})`,
    );
  }

  /** What the tabulator goes to, in its order. */
  async focusables(most: number): Promise<Focus[]> {
    const all: Focus[] = [];
    for (let step = 0; step < most; step++) {
      await this.page.keyboard.press("Tab");
      const focus = await this.#ask<Focus | undefined>("focused()");
      if (focus === undefined) break;
      all.push(focus);
    }
    return all;
  }

  /** Pictures of the whole page from top to bottom, kept for people. Not one, since this browser now and then can't take one of a page as tall as a report. */
  async picture(name: string): Promise<void> {
    mkdirSync(pictures, { recursive: true });
    const { width, height } = await this.page.evaluate<{ width: number; height: number }>(
      "({ width: innerWidth, height: document.documentElement.scrollHeight })",
    );
    for (let y = 0; y < height; y += TALLEST) {
      await this.page.screenshot({
        ...{ fullPage: true, path: join(pictures, `${name}-${y / TALLEST + 1}.png`) },
        clip: { x: 0, y, width, height: Math.min(TALLEST, height - y) },
      });
    }
  }

  /** Share of the pixels by which two pictures differ. */
  async difference(one: Buffer, other: Buffer): Promise<number> {
    const [left, right] = [one, other].map((each) => JSON.stringify(each.toString("base64")));
    return await this.#elsewhere(`difference(${left}, ${right})`);
  }

  async #ask<T>(question: string): Promise<T> {
    return await this.page.evaluate<T>(`(() => { ${inPage}; return inPage.${question}; })()`);
  }

  /** In a page without the rules of the one that is looked at, which loads no picture. */
  async #elsewhere<T>(question: string): Promise<T> {
    const page = await this.page.context().newPage();
    try {
      return await page.evaluate<T>(`(() => { ${inPage}; return inPage.${question}; })()`);
    } finally {
      await page.close();
    }
  }
}

export interface Focus {
  readonly what: string;
  /** From the page's top, px. */
  readonly at: number;
  readonly isSeen: boolean;
  readonly isMarked: boolean;
}
