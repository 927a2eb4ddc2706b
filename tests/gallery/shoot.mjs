// Takes the pictures that shots.json lists; fails on a chart that mermaid does not take, and on a table that
// has to be scrolled.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import puppeteer from "puppeteer-core";

const { browser: executablePath, shots } = JSON.parse(readFileSync("shots.json", "utf8"));
const browser = await puppeteer.launch({
  executablePath,
  args: ["--no-sandbox", "--allow-file-access-from-files", "--force-color-profile=srgb"],
});
let failed = 0;
try {
  const page = await browser.newPage();
  for (const shot of shots) {
    await page.setViewport({ width: shot.width, height: 800, deviceScaleFactor: 1 });
    await page.goto("file://" + resolve(shot.page));
    await page.waitForFunction(() => document.body.dataset.ready, { timeout: 20000 });
    const ready = await page.evaluate(() => document.body.dataset.ready);
    if (ready !== "yes") {
      console.error(`${shot.page}: ${ready}`);
      failed += 1;
    }
    const wide = await page.$$eval("table", (tables) =>
      tables.filter((table) => table.scrollWidth > table.clientWidth).map((table) => table.innerText));
    for (const text of wide) {
      console.error(`${shot.picture}: a table is cut off: ${text.slice(0, 60)}`);
      failed += 1;
    }
    const comment = await page.$(".comment");
    await comment.screenshot({ path: `${shot.picture}.png` });
    if (shot.kept) {
      await comment.screenshot({ path: `${shot.picture}.webp`, type: "webp", quality: 75 });
    }
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
