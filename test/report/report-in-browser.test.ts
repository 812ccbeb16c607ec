import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { drawCpuMaps } from "../../sdk/report/cpu-picture.ts";
import type { Experiment, ReportedRecord } from "../../sdk/report/experiment.ts";
import { renderReport } from "../../sdk/report/html.ts";
import { hasBrowser } from "../../tools/browser.mjs";
import { type Look, Onlooker } from "./browser.ts";
import { workedExperiment } from "./worked-experiment.ts";
import { workedReview } from "./worked-review.ts";

/** A page is drawn in a second; beside other work that takes much longer. */
const PATIENCE = 5 * 60_000;
/** A4 between its margins, at 96 px an inch. */
const PAPER = 703;
const looks: Readonly<Record<string, Look>> = {
  light: { width: 1100 },
  dark: { width: 1100, scheme: "dark" },
  print: { width: PAPER, media: "print", scheme: "dark" },
  narrow: { width: 360 },
};
const names = Object.keys(looks);
const report = renderReport(workedExperiment);

let onlooker: Onlooker;
beforeAll(async () => {
  if (hasBrowser) onlooker = await Onlooker.open();
}, PATIENCE);
afterAll(async () => {
  await onlooker?.close();
});

const seen = async <T>(
  html: string,
  look: Look,
  see: (sight: Awaited<ReturnType<Onlooker["look"]>>) => Promise<T>,
) => {
  const sight = await onlooker.look("report.html", html, look);
  try {
    return await see(sight);
  } finally {
    await sight.close();
  }
};

describe.skipIf(!hasBrowser)("the report in a browser", { timeout: PATIENCE }, () => {
  it.each(names)(
    "%s: asks for nothing, nothing lies on another thing or leaves the page, and all of it can be read",
    async (name) => {
      await seen(report, looks[name]!, async (sight) => {
        await sight.picture(`report-${name}`);
        expect(await sight.faults()).toEqual([]);
        expect(await sight.smallestText()).toBeGreaterThanOrEqual(9);
        const { looked, found } = await sight.faint();
        expect(found).toEqual([]);
        expect(looked).toBeGreaterThan(500);
        expect(sight.complaints).toEqual([]);
      });
    },
  );

  it.each(["light", "narrow"])("%s: has no barrier that axe knows", async (name) => {
    await seen(report, looks[name]!, async (sight) => {
      expect(await sight.barriers()).toEqual([]);
    });
  });

  it("is walked through by the keyboard from top to bottom, with a mark on what has the focus", async () => {
    await seen(report, looks["narrow"]!, async (sight) => {
      const expected = (report.match(/<a href|tabindex="0"/g) ?? []).length;
      const focusables = await sight.focusables(expected + 5);
      expect(focusables.slice(0, expected)).toHaveLength(expected);
      for (const [index, { what, at, isSeen, isMarked }] of focusables.entries()) {
        expect({ what, isSeen, isMarked }).toEqual({ what, isSeen: true, isMarked: true });
        expect(at, what).toBeGreaterThanOrEqual(focusables[index - 1]?.at ?? 0);
      }
    });
  });

  it("has contents that lead to their sections", async () => {
    await seen(report, looks["light"]!, async ({ page }) => {
      const links = await page.locator("nav a").all();
      expect(links.length).toBeGreaterThan(6);
      for (const link of links) {
        await link.press("Enter");
        const target = page.locator(`section${(await link.getAttribute("href")) ?? ""} > h2`);
        expect(await target.textContent()).toBe(await link.textContent());
        expect((await target.boundingBox())?.y).toBeLessThan(900);
      }
    });
  });

  it("prints on a handful of pages, in the colours of paper", async () => {
    await seen(report, looks["print"]!, async ({ page }) => {
      const pdf = (await page.pdf({ format: "A4", preferCSSPageSize: true })).toString("latin1");
      expect(pdf.slice(0, 5)).toBe("%PDF-");
      const pages = (pdf.match(/\/Type\s*\/Page\b/g) ?? []).length;
      expect(pages).toBeGreaterThan(3);
      expect(pages).toBeLessThan(20);
      const ground = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
      expect(ground).toBe("rgb(255, 255, 255)");
    });
  });

  it.each([1100, 360])("holds what is long and many at %i px", async (width) => {
    await seen(renderReport(awkward()), { width }, async (sight) => {
      await sight.picture(`awkward-${width}`);
      expect(await sight.faults()).toEqual([]);
    });
  });

  it("of nothing has nothing wrong either", async () => {
    const { project, stack, madeAt } = workedExperiment;
    const none = { hosts: [], inspections: [], paths: [], records: [], verdicts: [] };
    await seen(renderReport({ project, stack, madeAt, ...none }), { width: 360 }, async (sight) => {
      expect(await sight.faults()).toEqual([]);
      expect(await sight.barriers()).toEqual([]);
    });
  });

  it("looks as docs/report.png shows it", async () => {
    const file = join(import.meta.dirname, "../../docs/report.png");
    await seen(renderReport(shown()), looks["light"]!, async (sight) => {
      const picture = await sight.page.screenshot({
        clip: { x: 0, y: 0, width: 1100, height: 1800 },
        fullPage: true,
      });
      if (inject("updates") || !existsSync(file)) writeFileSync(file, picture);
      // The same letters by the same browser; processors may round colours in other ways.
      expect(await sight.difference(picture, readFileSync(file))).toBeLessThan(0.002);
    });
  });
});

describe.skipIf(!hasBrowser)("the picture of a review in a browser", { timeout: PATIENCE }, () => {
  const drawing = drawCpuMaps(workedReview);

  it.each(["light", "dark"])(
    "%s: has no text on another, none that is faint, and asks for nothing",
    async (name) => {
      const page = `<!doctype html><title>review</title><body style="margin:0">${drawing}`;
      await seen(page, looks[name]!, async (sight) => {
        await sight.picture(`review-${name}`);
        expect(await sight.faults()).toEqual([]);
        expect((await sight.faint()).found).toEqual([]);
        expect(sight.complaints).toEqual([]);
      });
    },
  );
});

describe.skipIf(!hasBrowser)("an onlooker", { timeout: PATIENCE }, () => {
  const page = (body: string, style = "") =>
    `<!doctype html><html lang="en"><head><title>x</title><style>body{margin:0}${style}</style></head><body>${body}</body></html>`;

  it("sees what is wrong with a page", async () => {
    const svg = (inner: string) => `<svg viewBox="0 0 100 40" width="100" height="40">${inner}</svg>`;
    const bad = page(
      [
        `<p style="position:absolute;top:0">one</p><p style="position:absolute;top:3px">other</p>`,
        `<div style="width:2000px;height:4px;background:red"></div>`,
        svg(`<text x="90" y="20">leaving</text>`),
        svg(`<g><rect width="20" height="20"/><text x="2" y="15">too long</text></g>`),
        `<table><tbody><tr><td>1</td></tr></tbody></table>`,
      ].join(""),
    );
    await seen(bad, { width: 800 }, async (sight) => {
      const faults = (await sight.faults()).join("\n");
      for (const fault of [
        `texts lie on each other: "one" and "other"`,
        "overflow: the page, by 1200 px",
        `text: "leaving" leaves the drawing`,
        `text: "too long" leaves its box`,
        "name: a picture (null) without title",
        "name: a table without a name",
      ])
        expect(faults).toContain(fault);
    });
  });

  it("sees what is faint, in drawings too, by what lies behind it", async () => {
    const faint = page(
      `<p style="color:#999">grey on white</p><p style="color:#767676">dark grey on white</p>
       <svg width="200" height="40"><title>x</title><desc>x</desc><rect width="200" height="40" fill="#336"/><text x="9" y="25" fill="#447">dark on dark</text></svg>`,
    );
    await seen(faint, { width: 800 }, async (sight) => {
      const { found } = await sight.faint();
      expect(found).toHaveLength(2);
      expect(found.join()).toMatch(/"grey on white" .*2\.8\d.*"dark on dark"/);
    });
  });

  it("sees requests, and what the browser complains of", async () => {
    const asking = page(
      `<img alt="x" src="https://example.invalid/x.png"><script>console.log("hello")</script>`,
    );
    await seen(asking, { width: 800 }, async (sight) => {
      expect(sight.complaints).toEqual(
        expect.arrayContaining(["asked for https://example.invalid/x.png", "console: hello"]),
      );
    });
  });

  it("sees barriers, and two pictures that differ", async () => {
    await seen(page(`<a href="#x"></a>`), { width: 300 }, async (sight) => {
      expect((await sight.barriers()).join()).toContain("link-name");
      const before = await sight.page.screenshot();
      await sight.page.addStyleTag({ content: "body{background:#ccc}" });
      const after = await sight.page.screenshot();
      expect(await sight.difference(before, before)).toBe(0);
      expect(await sight.difference(before, after)).toBe(1);
    });
  });
});

/** What a reader of the first page is shown. */
function shown(): Experiment {
  const records = workedExperiment.records.filter(({ name }) => name.startsWith("host-timers"));
  const verdicts = workedExperiment.verdicts.filter(({ passed }) => passed);
  const { baseline: _, ...others } = workedExperiment;
  return { ...others, inspections: [], paths: [], records, verdicts };
}

/** Names without an end, many machines, results and repetitions. */
function awkward(): Experiment {
  const long = (name: string, index: number) =>
    `${name}-${index}-of-a-testbed-with-very-long-names.and_parts/${"x".repeat(30)}`;
  const [host] = workedExperiment.hosts;
  const cpus = Array.from({ length: 96 }, (_, cpu) => ({ cpu, core: cpu % 48, role: "isolated" as const }));
  const many: ReportedRecord[] = Array.from({ length: 8 }, (_, index) => {
    const record = workedExperiment.records[index % workedExperiment.records.length]!;
    const figures = record.figures.map((each) => ({
      ...{ ...each, name: long(each.name, index) },
      each: Array.from({ length: 40 }, (__, at) => each.median * (1 + at / 100)),
      max: each.median * 1.4,
    }));
    const migrations = Array.from({ length: 30 }, () => record.migrations).flat();
    return { ...record, name: long("record", index), subject: long("subject", index), figures, migrations };
  });
  return {
    ...workedExperiment,
    project: long("project", 1),
    hosts: [
      {
        ...host!,
        name: long("host", 1),
        nodes: [0, 1].map((node) => ({ node, cpus, hugepages: ["512 × 2MiB"] })),
        guests: Array.from({ length: 5 }, (_, index) => ({
          ...host!.guests[0]!,
          name: long("guest", index),
        })),
      },
    ],
    inspections: workedExperiment.inspections.map((each) => ({
      ...each,
      host: long("host", 1),
      settings: each.settings.map((one, index) => ({
        ...one,
        name: long(one.name, index),
        wanted: long("x", index),
      })),
    })),
    records: many,
    verdicts: workedExperiment.verdicts.map((each, index) => ({ ...each, policy: long(each.policy, index) })),
  };
}
