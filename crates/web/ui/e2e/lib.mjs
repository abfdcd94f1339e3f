// What the stories in Chromium share: the browser, typing, waiting, looking, and asking axe.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'];

/**
 * Tells stories in a browser of their own. They get `open(name, { viewport, timeout, theme, scale, isExpected })`, which gives
 * a page whose console is listened to, but for messages that `isExpected`. CHROMIUM names the browser (default
 * /usr/bin/chromium). The process ends with status 1 and a sentence at the first failure.
 */
export async function tell(title, stories) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
  const complaints = [];
  const open = async (name, { viewport = { width: 1440, height: 900 }, timeout = 30_000, theme, scale = 1, isExpected = () => false } = {}) => {
    const context = await browser.newContext({ viewport, colorScheme: theme, deviceScaleFactor: scale });
    const page = await context.newPage();
    page.setDefaultTimeout(timeout);
    page.on('console', (message) => message.type() === 'error' && !isExpected(message) && complaints.push(`${name}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(`${name}: ${error.stack}`));
    return { context, page, step: (text) => console.log(`${name}: ${text}`) };
  };
  try {
    await stories(open);
    assert.deepEqual(complaints, [], 'the console has no errors');
    console.log(`${title}: all good`);
  } catch (error) {
    console.error(error);
    if (complaints.length) console.error('console:', complaints);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

export async function setQuery(page, editor, text) {
  await editor.click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
}

export async function typeQuery(page, editor, text) {
  await setQuery(page, editor, text);
  await page.keyboard.press('Escape');
  await editor.click();
  await page.keyboard.press('ControlOrMeta+Enter');
  await page.waitForFunction((query) => new URLSearchParams(location.search).get('q') === query, text);
}

export async function pickRange(page, text) {
  await page.locator('h1').click();
  await page.keyboard.press('t');
  await page.getByRole('textbox', { name: 'Time range' }).fill(text);
  await page.keyboard.press('Enter');
}

/** Waits for the end of the running search and reads its count. */
export async function settle(page) {
  await page.waitForTimeout(50);
  await page.locator('.progress:not(.is-running)').waitFor({ state: 'attached' });
  const alert = page.locator('[role=alert]');
  if (await alert.count()) assert.fail(await alert.first().innerText());
  const tab = page.locator('.tabs .tab').first();
  const text = (await tab.count()) ? await tab.innerText() : '';
  return { total: Number(text.replace(/\D/g, '')) };
}

/** What a person sees of the result, without what moves with the clock. */
export function picture(page) {
  return page.evaluate(() => ({
    query: document.querySelector('.cm-content').innerText,
    total: document.querySelector('.tabs .tab').innerText,
    histogram: [...document.querySelectorAll('.hist .legend span')].map((item) => item.innerText),
    rows: [...document.querySelectorAll('.log')].slice(0, 5).map((row) => row.innerText),
    open: document.querySelector('.open .two').innerText,
  }));
}

export async function accessible(page, theme, where) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations.filter((problem) => ['serious', 'critical'].includes(problem.impact)).map((problem) => `${problem.id}: ${problem.nodes.map((node) => node.html.slice(0, 160)).join(' ')}`));
  assert.deepEqual(found, [], `axe finds nothing serious on ${where}, ${theme}`);
}

/** The first open value of a facet, its count and its tick. */
export async function facetValue(page, field) {
  const facet = page.locator('.facet').filter({ has: page.locator('h3', { hasText: new RegExp(`^\\s*${field}`) }) });
  if ((await facet.locator('h3 button').getAttribute('aria-expanded')) === 'false') await facet.locator('h3 button').click();
  const first = facet.locator('li').first();
  await first.waitFor();
  return { first, check: first.getByRole('checkbox'), name: first.locator('.name'), count: async () => Number((await first.locator('.n').innerText()).replace(/\D/g, '')) };
}
