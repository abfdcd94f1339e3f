// Fields and filters: counting, ticking off, turning round, switching off, pinning; all in the address, none in the text.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { accessible, facetValue, settle, typeQuery } from './lib.mjs';

const chipsOf = (page) => new URL(page.url()).searchParams.getAll('is');

export async function filters(page, editor, theme, step, query, isReal) {
  step('fields are counted');
  await typeQuery(page, editor, query);
  const { total } = await settle(page);
  const { check, name, count, first } = await facetValue(page, 'level');
  await first.locator('.n').filter({ hasText: /\d/ }).waitFor();
  const level = (await name.innerText()).trim();
  const all = await count();
  assert.ok(all > 0 && all <= total, `${all} of ${total} events are ${level}`);
  await accessible(page, theme, 'fields and filters');

  step('a tick takes a value out, and its count stays');
  await check.click();
  await page.waitForFunction(() => location.search.includes('is=!level'));
  const without = await settle(page);
  assert.deepEqual(chipsOf(page), [`!level:${level}`]);
  assert.equal(await editor.innerText(), query, 'the text is not touched');
  if (isReal) {
    assert.equal(without.total, total - all, 'what is left is what was not ticked off');
    const again = await facetValue(page, 'level');
    await page.waitForFunction(([name]) => [...document.querySelectorAll('.facet li.is-out .name')].some((item) => item.textContent === name), [level]);
    assert.ok((await again.count()) > 0, 'what was switched off is still counted');
  }

  step('a filter is switched off, turned round and pinned, by keys');
  const chip = page.locator('.chip').first();
  await chip.locator('.op').focus();
  await page.keyboard.press('!');
  await page.waitForFunction(() => location.search.includes('is=level'));
  const only = await settle(page);
  if (isReal) assert.equal(only.total, all, 'only the value');
  await chip.locator('.op').focus();
  await page.keyboard.press('p');
  await page.waitForFunction(() => location.search.includes('is=*level'));
  await chip.getByRole('button', { name: 'level', exact: true }).focus();
  await page.keyboard.press('Space');
  await page.waitForFunction(() => location.search.includes('is=*-level'));
  const off = await settle(page);
  if (isReal) assert.equal(off.total, total, 'a filter that is off does not filter');
  await accessible(page, theme, 'a filter that is off');

  step('Back brings the filter back, reload keeps it');
  await page.goBack();
  await settle(page);
  const before = chipsOf(page);
  await page.reload();
  await editor.waitFor();
  await settle(page);
  assert.deepEqual(chipsOf(page), before);

  step('a filter is typed, and removed');
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByRole('combobox', { name: 'Field' }).or(page.getByLabel('Field', { exact: true })).first().fill('function');
  await page.getByLabel('Value', { exact: true }).fill('no-such-function');
  await page.keyboard.press('Enter');
  const none = await settle(page);
  if (isReal) assert.equal(none.total, 0);
  while (await page.locator('.chip').count()) {
    await page.locator('.chip').first().locator('.end').focus();
    await page.keyboard.press('Backspace');
  }
  assert.deepEqual(chipsOf(page), []);
  assert.equal((await settle(page)).total, total);

  step('the menu of a value filters for it');
  await page.locator('.log').first().click();
  await page.locator('.open dl .value').first().click();
  await page.locator('[role=menu]').waitFor();
  await page.keyboard.press('f');
  await page.waitForFunction(() => location.search.includes('is='));
  await settle(page);
  assert.equal(await page.locator('.chip').count(), 1);
  await page.locator('.chip .end').click();
  await settle(page);
}

export async function columns(page, theme, step) {
  step('a column is added, moved and removed, and is in the address');
  await page.getByRole('button', { name: 'Columns', exact: true }).click();
  await page.getByLabel('Field to add as a column').fill('region');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => new URLSearchParams(location.search).get('cols') === 'function,region,message');
  await accessible(page, theme, 'the choice of columns');
  await page.getByRole('button', { name: 'Move region left' }).click();
  await page.waitForFunction(() => new URLSearchParams(location.search).get('cols') === 'region,function,message');
  await page.keyboard.press('Escape');
  await page.locator('[role=columnheader] button', { hasText: 'region' }).click();
  await page.keyboard.press('r');
  await page.waitForFunction(() => !location.search.includes('cols='));

  step('long messages wrap, JSON stands on several lines');
  const height = () => page.locator('.log').first().evaluate((row) => row.offsetHeight);
  const flat = await height();
  await page.locator('h1').click();
  await page.keyboard.press('w');
  await page.locator('.log.is-tall').first().waitFor();
  await page.getByRole('button', { name: 'JSON', exact: true }).click();
  await page.waitForFunction(() => location.search.includes('wrap=1') && location.search.includes('json=1'));
  const tall = await page.locator('.log').evaluateAll((rows) => Math.max(...rows.map((row) => row.offsetHeight)));
  assert.ok(flat === 22 && tall >= flat, `rows grew from ${flat} to ${tall}`);
  // No row may cover another, also after a jump.
  const grid = page.locator('[role=grid]');
  for (const top of [0, 4000, 300]) {
    await grid.evaluate((element, to) => (element.scrollTop = to), top);
    // Rows are measured after they are drawn: for a moment they may lie where others of their kind would.
    const lieInOrder = () => {
      const boxes = [...document.querySelectorAll('.place')].map((row) => row.getBoundingClientRect()).sort((a, b) => a.top - b.top);
      return boxes.length > 1 && boxes.slice(1).every((box, i) => Math.abs(Math.round(box.top - boxes[i].bottom)) <= 1);
    };
    await page.waitForFunction(lieInOrder, null, { timeout: 10_000 }).catch(() => assert.fail(`rows lie one below the other, scrolled to ${top}`));
  }
  await accessible(page, theme, 'wrapped messages');
  await page.getByRole('button', { name: 'JSON', exact: true }).click();
  await page.getByRole('button', { name: 'Wrap', exact: true }).click();
  await grid.evaluate((element) => (element.scrollTop = 0));
}

export async function zones(page, step) {
  step('the zone is the whole page\'s, and in the address');
  const first = () => page.locator('.log .t2').first().innerText();
  const utc = await first();
  await page.locator('h1').click();
  await page.keyboard.press('t');
  await page.getByRole('group', { name: 'Time zone' }).getByRole('button', { name: 'Other' }).click();
  await page.getByLabel('Time zone', { exact: true }).last().fill('Asia/Kathmandu');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.search.includes('tz=Asia/Kathmandu'));
  await page.keyboard.press('Escape');
  const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
  assert.equal((minutes(await first()) - minutes(utc) + 1440) % 1440, 345, 'Nepal is five hours and three quarters ahead');
  assert.match(await page.locator('[role=columnheader]').nth(1).innerText(), /GMT\+5:45/);
  await page.locator('h1').click();
  await page.keyboard.press('t');
  await page.getByRole('button', { name: 'UTC', exact: true }).click();
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !location.search.includes('tz='));
}

export async function context(page, theme, step, isReal) {
  step('the neighbours of an event in its stream, and the rows as a file');
  await page.locator('.log').first().click();
  await page.getByRole('button', { name: 'Context' }).click();
  await page.locator('.context li.is-own').waitFor();
  await accessible(page, theme, 'the context of an event');
  await page.getByRole('button', { name: 'Context' }).click();
  await page.locator('.log').first().click();
  if (!isReal) return;
  await page.getByRole('button', { name: 'Export' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /CSV/ }).click()]);
  assert.equal(download.suggestedFilename(), 'search.csv');
  const lines = readFileSync(await download.path(), 'utf8').split('\r\n');
  assert.equal(lines[0], '_messagetime,level,function,version,_raw');
  assert.ok(lines.length > 2 && lines.at(-1) === '', 'the file has rows and a whole last line');
}
