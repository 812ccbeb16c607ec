// Runs in the page that is looked at; what it returns is plain data. `test/report/browser.ts` says what each is.

/** Text as it is painted: a box for each line of each text node. */
function paintedTexts() {
  const texts = [];
  const walker = document.createTreeWalker(document.body ?? document.documentElement, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === "" || element.closest("title,desc,style")) continue;
    const style = getComputedStyle(element);
    if (style.visibility === "hidden" || style.display === "none") continue;
    const isDrawn = element instanceof SVGElement;
    range.selectNodeContents(node);
    const scale = isDrawn ? element.getScreenCTM().a : 1;
    for (const { left, right, top, bottom } of range.getClientRects()) {
      if (right - left < 1 || bottom - top < 1) continue;
      texts.push({
        text: node.data.trim().slice(0, 60),
        isDrawn,
        colour: isDrawn ? style.fill : style.color,
        size: Number.parseFloat(style.fontSize) * scale,
        weight: Number(style.fontWeight),
        ...{ left: left + scrollX, right: right + scrollX, top: top + scrollY, bottom: bottom + scrollY },
      });
    }
  }
  return texts;
}

/** Texts that lie on each other, with what of a line's height is its letters. */
function overlappingTexts() {
  const texts = paintedTexts().map((text) => {
    const spare = (text.bottom - text.top) * 0.22;
    return { ...text, top: text.top + spare, bottom: text.bottom - spare };
  });
  const found = [];
  for (const [index, one] of texts.entries())
    for (const other of texts.slice(index + 1)) {
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (wide > 0.5 && high > 0.5) found.push(`"${one.text}" and "${other.text}", ${wide.toFixed(1)} px`);
    }
  return found;
}

/** Where an element can be seen at all: the page, and every part that scrolls by itself around it. */
function scrollerOf(element) {
  for (let parent = element.parentElement; parent; parent = parent.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(parent).overflowX)) return parent;
  return undefined;
}

/** What is beyond the page's width, or beyond what its own part of the page scrolls to. */
function overflowing() {
  const width = document.documentElement.clientWidth;
  const found =
    document.documentElement.scrollWidth > width
      ? [`the page, by ${document.documentElement.scrollWidth - width} px`]
      : [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("title,desc,style")) continue;
    const { left, right, width: own } = element.getBoundingClientRect();
    const scroller = scrollerOf(element);
    const end = scroller
      ? scroller.getBoundingClientRect().left - scroller.scrollLeft + scroller.scrollWidth
      : width;
    if (own > 0 && (left < -0.5 || right > end + 0.5))
      found.push(
        `${element.tagName} ${element.getAttribute("class") ?? ""} "${element.textContent.trim().slice(0, 40)}": ${left.toFixed(1)} to ${right.toFixed(1)} of ${end.toFixed(1)}`,
      );
  }
  return found;
}

/** Text of drawings that leaves its drawing, or the box that it is written into. */
function escapingTexts() {
  const found = [];
  for (const text of document.querySelectorAll("svg text")) {
    const own = text.getBoundingClientRect();
    const drawing = text.ownerSVGElement.getBoundingClientRect();
    const boxes = [["the drawing", drawing]];
    // Of a group that is one box with words in it, the box is its first rectangle.
    const box = text.parentElement.tagName === "g" ? text.parentElement.querySelector(":scope > rect") : null;
    if (box && !box.classList.contains("phase")) boxes.push(["its box", box.getBoundingClientRect()]);
    for (const [what, { left, right, top, bottom }] of boxes) {
      const spare = own.height * 0.22;
      if (
        own.left < left - 0.5 ||
        own.right > right + 0.5 ||
        own.top + spare < top - 0.5 ||
        own.bottom - spare > bottom + 0.5
      )
        found.push(`"${text.textContent}" leaves ${what}`);
    }
  }
  return found;
}

/** Pictures without a name or words that say what is in them, and tables without headers. */
function unnamed() {
  const found = [];
  for (const picture of document.querySelectorAll("svg")) {
    if (picture.getAttribute("aria-hidden") === "true") continue;
    for (const part of ["title", "desc"])
      if (!picture.querySelector(`:scope > ${part}`)?.textContent.trim())
        found.push(`a picture (${picture.getAttribute("class")}) without ${part}`);
  }
  for (const table of document.querySelectorAll("table")) {
    const name = table.caption?.textContent ?? table.getAttribute("aria-label") ?? "";
    if (name.trim() === "") found.push("a table without a name");
    for (const row of table.tBodies[0]?.rows ?? [])
      if (row.querySelectorAll(":scope > th[scope=row]").length !== 1)
        found.push(`${name}: a row without one header`);
    if (table.tHead && [...table.tHead.rows[0].cells].slice(1).some(({ tagName }) => tagName !== "TH"))
      found.push(`${name}: a column without header`);
    if (
      table.tHead &&
      [...table.tBodies[0].rows].some(({ cells }) => cells.length !== table.tHead.rows[0].cells.length)
    )
      found.push(`${name}: rows of other lengths than its head`);
  }
  return found;
}

/** What has the focus, and how that shows. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return undefined;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const { top, bottom } = element.getBoundingClientRect();
  return {
    what: `${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 40)}`,
    at: top + scrollY,
    isSeen: bottom > 0 && top < innerHeight,
    isMarked: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2,
  };
}

/** Pixels of a picture. */
async function pixelsOf(base64) {
  const image = new Image();
  image.src = `data:image/png;base64,${base64}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
}

/** Relative luminance as WCAG 2.2 defines it. */
function luminance([red, green, blue]) {
  const linear = (value) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/**
 * Texts that don't stand out from what they are painted on. What that is comes from a picture of the page without its texts: colours that fill a twentieth of a text's box or more.
 */
async function faintTexts(base64, texts) {
  const { width, height, data } = await pixelsOf(base64);
  const found = [];
  for (const { text, colour, size, weight, left, right, top, bottom } of texts) {
    const channels = colour.match(/[\d.]+/g).map(Number);
    const counts = new Map();
    let all = 0;
    const spare = (bottom - top) * 0.22;
    for (let y = Math.max(0, Math.round(top + spare)); y < Math.min(height, Math.round(bottom - spare)); y++)
      for (let x = Math.max(0, Math.round(left)); x < Math.min(width, Math.round(right)); x++) {
        const at = 4 * (y * width + x);
        const key = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
        counts.set(key, (counts.get(key) ?? 0) + 1);
        all++;
      }
    const grounds = [...counts]
      .filter(([, count]) => count >= all / 20)
      .map(([key]) => [key >> 16, (key >> 8) & 255, key & 255]);
    const contrasts = grounds.map((ground) => {
      const [lighter, darker] = [luminance(channels), luminance(ground)].sort((one, other) => other - one);
      return (lighter + 0.05) / (darker + 0.05);
    });
    const isLarge = size >= 24 || (size >= 18.66 && weight >= 700);
    const least = Math.min(...contrasts);
    if (least < (isLarge ? 3 : 4.5)) found.push(`"${text}" (${colour}): ${least.toFixed(2)}`);
  }
  return { looked: texts.length, found };
}

/** How many pixels of two pictures differ by more than rounding does, as a share; 1 where their sizes differ. */
async function difference(one, other) {
  const [left, right] = [await pixelsOf(one), await pixelsOf(other)];
  if (left.width !== right.width || left.height !== right.height) return 1;
  let differing = 0;
  for (let at = 0; at < left.data.length; at += 4)
    if ([0, 1, 2].some((channel) => Math.abs(left.data[at + channel] - right.data[at + channel]) > 24))
      differing++;
  return differing / (left.width * left.height);
}

globalThis.inPage = {
  ...{ paintedTexts, overlappingTexts, overflowing, escapingTexts, unnamed, focused },
  ...{ faintTexts, difference },
};
