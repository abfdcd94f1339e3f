// Lookup tables in Chromium, from a person's side: `node e2e/lookup-tables.mjs <base URL> [--shots DIR]`.
// The node must have events with the field `function`. What the story makes, it deletes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { accessible, settle, tell } from './lib.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { shots: { type: 'string' } } });
const base = (positionals[0] ?? process.env.NEPHOSCOPE_URL ?? 'http://127.0.0.1:8470').replace(/\/$/, '');
const csv = (name, ...lines) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(lines.map((line) => `${line}\n`).join('')) });
const OWNERS = csv('Function owners.csv', 'name,team,pager,oncall', 'checkout-api,payments,7,true', 'orders-worker,"orders, returns",8,false', 'auth,identity,,true');

await tell('lookup tables', async (open) => {
  for (const theme of ['light', 'dark']) await story(open, theme);
});

/** Drops a file on the page, as a hand would. */
async function drop(page, { name, buffer }) {
  const data = await page.evaluateHandle(([file, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], file, { type: 'text/csv' }));
    return transfer;
  }, [name, buffer.toString()]);
  for (const type of ['dragover', 'drop']) await page.dispatchEvent('main', type, { dataTransfer: data });
}

async function story(open, theme) {
  // A refusal is part of the story, and Chromium tells of it.
  const { context, page, step } = await open(theme, { theme, isExpected: (message) => /lookupTables.*upload/.test(message.location().url) });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const shot = async (name) => {
    if (!values.shots) return;
    await page.screenshot({ path: `${values.shots}/lookups-${name}-${theme}.png`, fullPage: true });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.screenshot({ path: `${values.shots}/lookups-${name}-phone-${theme}.png` });
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  const fits = async (where) => {
    await page.setViewportSize({ width: 390, height: 844 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, `${where} fits a phone`);
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  const table = `e2e/owners-${theme}`;
  const form = page.getByRole('form');
  const file = form.locator('input[type=file]');
  const send = form.locator('button.primary');
  const toggle = page.getByRole('button', { name: table, exact: true });
  const row = page.locator('tr').filter({ has: toggle });
  const counted = (text) => row.locator('.num').first().filter({ hasText: text }).waitFor();

  step('from getting data in, and by keys');
  await page.goto(`${base}/welcome`);
  await page.getByRole('link', { name: 'lookup tables' }).click();
  await page.getByRole('heading', { name: 'Lookup tables' }).waitFor();
  await page.goto(`${base}/help`);
  await page.locator('h2#keys').waitFor();
  for (const key of ['g', 'l']) await page.keyboard.press(key);
  await page.waitForURL(/\/lookup-tables$/);
  await page.locator('main .empty, main tbody tr').first().waitFor();
  await accessible(page, theme, 'the list of tables');
  await fits('the list of tables');
  await shot('none');

  step('a file that is no table is told');
  await page.getByRole('button', { name: 'New table' }).press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.type), 'file', 'the file comes first');
  await file.setInputFiles(csv('owners.csv', 'name;team', 'checkout-api;payments'));
  await form.getByText(/between semicolons/).waitFor();
  assert.ok(await send.isDisabled());

  step('name, types and key are proposed, and can be changed');
  await file.setInputFiles(OWNERS);
  const name = form.getByRole('textbox', { name: 'Name', exact: true });
  await name.waitFor();
  assert.equal(await name.inputValue(), 'shared/Function_owners');
  const type = (column) => form.getByLabel(`Type of ${column}`);
  assert.deepEqual(await Promise.all(['name', 'team', 'pager', 'oncall'].map((column) => type(column).inputValue())), ['string', 'string', 'int', 'boolean']);
  assert.ok(await form.getByLabel('name is part of the key').isChecked());
  assert.match(await form.locator('.preview').innerText(), /orders, returns/);
  await type('team').selectOption('int');
  await form.getByText('“payments” in row 1 is no int').waitFor();
  assert.ok(await send.isDisabled(), 'what the server would refuse is not sent');
  await name.fill('../secrets');
  await name.blur();
  await form.getByText(/A name is a path/).waitFor();
  await accessible(page, theme, 'the form with mistakes');
  await fits('the form with mistakes');
  await shot('mistakes');
  await type('team').selectOption('string');
  await name.fill(table);
  await form.getByLabel('What it holds').fill('Who answers for a function.');
  await accessible(page, theme, 'the form');
  await shot('form');
  await send.press('Enter');

  step('the new table is open, with the line that uses it');
  await row.waitFor();
  await page.locator('.rows td').first().waitFor();
  await counted(/^3/);
  await page.getByLabel('Field that holds name').fill('nobody');
  await page.getByText(/^No event of the last hour has a field nobody/).waitFor();
  await page.getByLabel('Field that holds name').fill('function');
  await page.getByText('on name=function').waitFor();
  const line = await page.getByLabel('The line of a query').innerText();
  assert.equal(line, `| lookup team, pager, oncall from path://"/${table}" on name=function`);
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), line);
  await accessible(page, theme, 'an open table');
  await fits('an open table');
  await shot('open');

  step('search with it, and come back to it');
  await page.getByRole('link', { name: 'Search with it' }).click();
  await page.locator('.cm-content').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('q'), `* ${line}`);
  await settle(page);
  await page.goBack();
  await page.getByRole('link', { name: 'Search its rows' }).click();
  await page.locator('main table td', { hasText: 'orders, returns' }).first().waitFor();
  await page.goBack();
  await page.locator('.rows td').first().waitFor();

  step('a taken name leads to its table; what the server refuses is told and changes nothing');
  await drop(page, csv('more.csv', 'name,team', 'billing,payments'));
  await name.fill(table);
  await form.getByRole('button', { name: 'Add the rows to it' }).click();
  await page.getByRole('form', { name: `Rows for ${table}` }).waitFor();
  await form.getByText('The table has also pager, oncall, which the file lacks.').waitFor();
  await send.click();
  await form.getByText(/^the column `pager` is missing/).waitFor();
  await accessible(page, theme, 'a refusal');

  step('merge by the key, then replace');
  await drop(page, csv('more.csv', 'NAME,team,pager,oncall,note', 'AUTH,security,9,false,x', 'billing,payments,,true,y'));
  await form.getByText('not in the table: left out').waitFor();
  await accessible(page, theme, 'the rows of a table');
  await fits('the rows of a table');
  await shot('rows');
  await send.click();
  await form.waitFor({ state: 'detached' });
  await page.waitForFunction(() => /security/.test(document.querySelector('.rows')?.innerText ?? ''));
  await counted(/^4/);
  await page.getByRole('button', { name: 'Add or replace rows' }).click();
  await file.setInputFiles(csv('one.csv', 'name,team,pager,oncall', 'auth,identity,1,true'));
  await form.getByRole('button', { name: 'Replace', exact: true }).click();
  await send.click();
  await form.waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.querySelectorAll('.rows tbody tr').length === 1);
  await counted(/^1/);

  step('the rows as a file');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download CSV' }).click()]);
  assert.equal(await readFile(await download.path(), 'utf8'), 'name,team,pager,oncall\nauth,identity,1,true\n');

  step('find, and delete after a question');
  await page.getByLabel('Find a table or a column').fill('nobody is called so');
  await page.getByText('No table and no column is called so.').waitFor();
  await page.getByLabel('Find a table or a column').fill('oncall');
  await page.getByRole('button', { name: 'Delete', exact: true }).press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Its 1 row is gone then').waitFor();
  await accessible(page, theme, 'the question before a table is deleted');
  await shot('delete');
  await page.keyboard.press('Escape');
  await toggle.waitFor();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await dialog.getByRole('button', { name: 'Delete the table' }).click();
  await toggle.waitFor({ state: 'detached' });
  await page.getByText(`${table} is deleted.`).waitFor();
  await context.close();
}
