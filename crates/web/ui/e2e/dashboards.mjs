// A dashboard in Chromium, from a person's side: `node e2e/dashboards.mjs <base URL> [options]`.
// --dashboard ID  which one (default `serverless-overview/overview`); it needs a variable, two charts over time and rows behind them
// --shots DIR     keep screenshots of both themes
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { accessible, setQuery, tell } from './lib.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { dashboard: { type: 'string', default: 'serverless-overview/overview' }, shots: { type: 'string' } } });
const base = (positionals[0] ?? process.env.NEPHOSCOPE_URL ?? 'http://127.0.0.1:8470').replace(/\/$/, '');

await tell('dashboards', async (open) => {
  for (const theme of ['light', 'dark']) await story(open, theme);
  await missing(open);
  await phone(open);
});

/** Waits until every panel shows what it found; an error in one is a failure. */
async function settle(page) {
  await page.locator('.panel').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('main [aria-busy=true], .panel .waiting'));
  const alert = page.locator('[role=alert]');
  if (await alert.count()) assert.fail(await alert.first().innerText());
}

/** What an address names and nobody has is said, with a way on. */
async function missing(open) {
  const { context, page, step } = await open('desk', { isExpected: (message) => message.text().includes('status of 404') });
  step('what is missing is said');
  for (const [path, words, way] of [['/searchs', 'No page is at /searchs', 'Search'], ['/dashboards/demo/none', 'No dashboard is called demo/none', 'All dashboards'], ['/alerts/none', 'No alert is called none', 'All alerts']]) {
    await page.goto(base + path);
    await page.getByRole('heading', { name: words }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Open search' }).count(), 0, `${path} offers nothing that it does not have`);
    await accessible(page, 'light', path);
    await page.getByRole('main').getByRole('link', { name: way, exact: true }).click();
    await page.getByRole('heading', { name: words }).waitFor({ state: 'detached' });
  }
  await context.close();
}

/** No page is wider than a phone. */
async function phone(open) {
  const { context, page, step } = await open('phone', { viewport: { width: 390, height: 844 } });
  step('every page fits');
  for (const path of [`/dashboards/${values.dashboard}`, '/dashboards', '/alerts', '/search?q=*', '/welcome', '/help']) {
    await page.goto(base + path);
    await page.locator('main .topbar').waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, `${path} fits`);
    const [bar, first] = await page.evaluate(() => [document.querySelector('.topbar').getBoundingClientRect().bottom, document.querySelector('.topbar > :last-child').getBoundingClientRect().bottom]);
    assert.ok(first <= bar, `the bar of ${path} holds what is in it`);
  }
  await context.close();
}

async function story(open, theme) {
  const { context, page, step } = await open(theme, { theme, timeout: 60_000 });
  const asked = [];
  page.on('request', (request) => request.method() === 'POST' && request.url().endsWith('/api/v1/search/jobs') && asked.push(request.postData()));

  step('by keys to the list, and from there to the dashboard');
  await page.goto(`${base}/help`);
  await page.locator('h2#keys').waitFor();
  for (const key of ['g', 'd']) await page.keyboard.press(key);
  await page.waitForURL(/\/dashboards$/);
  await page.locator(`a[href="/dashboards/${values.dashboard}"]`).waitFor();
  await accessible(page, theme, 'the list of dashboards');
  await page.locator(`a[href="/dashboards/${values.dashboard}"]`).click();
  await settle(page);
  assert.equal(new Set(asked).size, asked.length, 'equal queries run once');
  if (values.shots) await page.screenshot({ path: `${values.shots}/dashboard-${theme}.png`, fullPage: true });
  await accessible(page, theme, 'the dashboard');

  step('choose a value of a variable, reload, and choose all again');
  const variable = page.locator('.variables .pick').last();
  await variable.getByRole('button').first().click();
  const value = variable.locator('.item button').first();
  const name = await value.locator('span').first().innerText();
  await accessible(page, theme, 'the choices of a variable');
  await value.click();
  await page.waitForFunction(() => location.search.includes('var-'));
  await settle(page);
  await page.reload();
  await settle(page);
  assert.match(await variable.getByRole('button').first().innerText(), new RegExp(name), 'the choice is in the address');
  await page.goBack();
  await page.waitForFunction(() => !location.search.includes('var-'));
  await settle(page);

  step('one crosshair in every chart over time');
  const charts = page.locator('.panel.column .chart, .panel.line .chart, .panel.area .chart');
  assert.ok((await charts.count()) > 1);
  await charts.first().scrollIntoViewIfNeeded();
  const box = await charts.first().boundingBox();
  const point = (part) => [box.x + 60 + (box.width - 80) * part, box.y + box.height / 2];
  await page.mouse.move(...point(0.5));
  await charts.nth(1).locator('.cursor').waitFor({ state: 'attached' });
  await charts.first().locator('.tip').waitFor();

  step('brush with the mouse, and go back');
  const before = page.url();
  await page.mouse.move(...point(0.3));
  await page.mouse.down();
  await page.mouse.move(...point(0.5));
  await charts.nth(1).locator('.brush').waitFor({ state: 'attached' });
  await page.mouse.move(...point(0.7));
  await page.mouse.up();
  await page.waitForFunction((old) => location.href !== old, before);
  assert.match(page.url(), /from=\d+&to=\d+/, 'the range is in the address');
  await settle(page);
  await page.goBack();
  await page.waitForFunction((old) => location.href === old, before);
  await settle(page);

  step('by keys: the crosshair, a part, the menu, the table');
  await charts.first().focus();
  for (const key of ['ArrowLeft', 'Enter']) await page.keyboard.press(key);
  await page.locator('[role=menu]').waitFor();
  await accessible(page, theme, 'the menu of a point');
  await page.keyboard.press('Escape');
  await page.keyboard.press('v');
  const panel = page.locator('.panel.column, .panel.line, .panel.area').first();
  await panel.locator('table').waitFor();
  await panel.locator('.more').focus();
  await page.keyboard.press('v');
  await panel.locator('svg.icon').first().waitFor();
  await panel.locator('.chart').waitFor();

  step('one series alone, and all again');
  const series = panel.locator('.legend button');
  const lines = await series.count();
  if (lines > 1) {
    await series.first().click();
    assert.equal(await panel.locator('.legend button[aria-pressed=true]').count(), 1);
    await series.first().click();
  }

  step('a panel fills the page, and Esc brings the others back');
  await panel.locator('.more').focus();
  await page.keyboard.press('f');
  await page.locator('.panel.is-full').waitFor();
  assert.match(page.url(), /panel=/);
  await page.keyboard.press('Escape');
  await page.locator('.panel.is-full').waitFor({ state: 'detached' });

  step('edit: move and resize by keys and by mouse, undo, and drop it all');
  const layout = () => page.evaluate(() => [...document.querySelectorAll('.grip')].map((grip) => grip.ariaLabel ?? grip.getAttribute('aria-label')));
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  const grips = page.locator('.grip');
  await grips.first().waitFor();
  await accessible(page, theme, 'the dashboard that is edited');
  const start = await layout();
  await grips.first().focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Shift+ArrowRight');
  assert.notDeepEqual(await layout(), start, 'keys move and resize');
  assert.ok(await grips.first().evaluate((grip) => grip === document.activeElement), 'the panel keeps the focus');
  await page.keyboard.press('ControlOrMeta+z');
  await page.keyboard.press('ControlOrMeta+z');
  assert.deepEqual(await layout(), start, 'and back');
  const corner = await page.locator('.edit .corner').first().boundingBox();
  await page.mouse.move(corner.x + 8, corner.y + 8);
  await page.mouse.down();
  await page.mouse.move(corner.x + 8, corner.y + 60);
  await page.mouse.move(corner.x + 8, corner.y + 100);
  await page.mouse.up();
  const [higher] = await layout();
  assert.match(higher, new RegExp(`${Number(/(\d+) high/.exec(start[0])[1]) + 2} high`), 'the mouse resizes');
  await page.getByRole('button', { name: 'Undo' }).click();
  const handle = await grips.first().boundingBox();
  await page.mouse.move(handle.x + 30, handle.y + handle.height - 30);
  await page.mouse.down();
  await page.mouse.move(handle.x + 200, handle.y + handle.height + 60, { steps: 4 });
  await page.mouse.move(handle.x + 400, handle.y + handle.height + 160, { steps: 4 });
  await page.mouse.up();
  assert.notDeepEqual(await layout(), start, 'the mouse moves');
  assert.equal(await page.locator('.drawer').count(), 0, 'a drag is not a click');
  const moved = await layout();
  await page.getByRole('button', { name: 'Drop changes' }).click();
  await grips.first().waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await grips.first().waitFor();
  assert.deepEqual(await layout(), moved, 'what was dropped comes back');
  await page.getByRole('button', { name: 'Drop changes' }).click();
  await grips.first().waitFor({ state: 'detached' });

  step('edit: a panel of a query of its own, seen at once, saved, and taken back');
  const title = `Edited in the ${theme}`;
  await page.keyboard.press('e');
  await page.getByRole('button', { name: 'Add panel' }).click();
  const drawer = page.getByRole('dialog', { name: /^Edit / });
  await drawer.getByLabel('Title', { exact: true }).fill(title);
  await drawer.getByLabel('Drawn as').selectOption('table');
  const text = drawer.locator('.cm-content');
  await text.waitFor();
  await setQuery(page, text, '* | count by function');
  await drawer.locator('table').getByText('checkout-api').first().waitFor();
  assert.equal(await drawer.locator('table th').count(), 2, 'the table is that of the new query');
  await drawer.getByRole('button', { name: 'Choose and order them' }).click();
  await drawer.getByLabel('Title of _count').fill('Events');
  await drawer.getByRole('button', { name: '_count further left' }).click();
  assert.deepEqual(await drawer.locator('table th').allInnerTexts(), ['Events', 'function'], 'columns have an order and a title');
  await drawer.getByRole('button', { name: 'Add a link' }).click();
  await drawer.getByLabel('Words of the link').fill('Look there');
  await accessible(page, theme, 'the editor of a panel');
  if (values.shots) await page.screenshot({ path: `${values.shots}/dashboard-edit-${theme}.png` });
  await page.reload();
  await drawer.getByLabel('Title', { exact: true }).waitFor();
  assert.equal(await drawer.getByLabel('Title', { exact: true }).inputValue(), title, 'a reload keeps what is not saved');
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Variables' }).click();
  const choosing = page.getByRole('dialog', { name: 'Edit variables' });
  await choosing.getByRole('button', { name: 'Add a variable' }).click();
  const added = choosing.locator('fieldset').last();
  await added.getByLabel('Name in queries').fill('colour of it');
  await added.getByLabel('Name in queries').press('Enter');
  await added.getByText('Write letters, digits and _.').waitFor();
  await added.getByLabel('Name in queries').fill('colour');
  await added.getByLabel('Name in queries').press('Enter');
  await added.getByLabel('Choices are').selectOption('list');
  await added.getByLabel('Choices, one on each line').fill('red\ngreen');
  await added.getByLabel('What people call it').fill('Colour');
  await accessible(page, theme, 'the editor of variables');
  if (values.shots) await page.screenshot({ path: `${values.shots}/dashboard-variables-${theme}.png` });
  await page.keyboard.press('Escape');
  await choosing.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Colour' }).click();
  await page.getByRole('dialog', { name: 'Colour' }).getByText('green').click();
  assert.match(page.url(), /var-colour=green/);
  await page.getByRole('button', { name: /^Save/ }).click();
  await grips.first().waitFor({ state: 'detached' });
  await page.reload();
  await page.getByRole('region', { name: title }).first().waitFor();
  await settle(page);
  await page.keyboard.press('e');
  await page.getByRole('button', { name: 'More about the dashboard' }).click();
  await page.getByRole('menuitem', { name: 'Back to the packaged dashboard' }).click();
  await page.getByRole('button', { name: 'Delete the file' }).click();
  // A table has a region of its own inside the panel's.
  await page.getByRole('region', { name: title }).first().waitFor({ state: 'detached' });
  await settle(page);

  step('a dashboard of one\'s own, and one that Sumo Logic exported');
  await page.goto(`${base}/dashboards`);
  await page.getByRole('button', { name: 'New dashboard' }).click();
  await page.getByLabel('Title of the new dashboard').fill(title);
  await page.keyboard.press('Enter');
  await page.waitForURL(/edit=1/);
  await page.getByRole('button', { name: 'More about the dashboard' }).click();
  await page.getByRole('menuitem', { name: 'Delete the dashboard' }).click();
  await page.getByRole('button', { name: 'Delete the file' }).click();
  await page.waitForURL(/\/dashboards$/);
  const shown = { key: 'a', title: 'Errors', panelType: 'SumoSearchPanel', visualSettings: '{"general":{"mode":"map","type":"map"}}', queries: [{ queryType: 'Logs', queryKey: 'A', queryString: 'error | count by function' }] };
  const exported = { title: `Exported in the ${theme}`, timeRange: { from: { relativeTime: '-1h' } }, layout: { layoutStructures: [] }, panels: [shown], variables: [] };
  await page.getByLabel('Export of Sumo Logic').setInputFiles({ name: 'export.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(exported)) });
  await page.getByText('1 thing is different').click();
  await accessible(page, theme, 'the list after an import');
  await page.getByRole('status').getByRole('link', { name: exported.title }).click();
  await settle(page);
  await page.keyboard.press('e');
  await page.getByRole('button', { name: 'More about the dashboard' }).click();
  await page.getByRole('menuitem', { name: 'Delete the dashboard' }).click();
  await page.getByRole('button', { name: 'Delete the file' }).click();
  await page.waitForURL(/\/dashboards$/);

  step('from a point to the events behind it');
  await page.goto(before);
  await settle(page);
  await charts.first().focus();
  for (const key of ['ArrowLeft', 'Enter', 'o']) await page.keyboard.press(key);
  await page.waitForURL(/\/search\?/);
  await page.locator('.cm-content').waitFor();
  assert.match(page.url(), /[?&]from=\d+&to=\d+/);
  await context.close();
}
