// Do what npm's webhdfs can do, and print what came of each step as a line of JSON.
'use strict';

const { Readable } = require('stream');

const WebHDFS = require('webhdfs');

const [host, port, user] = process.argv.slice(2);
const client = WebHDFS.createClient({ host, port, user, path: '/webhdfs/v1' });
const home = `/user/${user}`;
const large = Buffer.alloc(3 * 1024 * 1024, 'large ');

function told(step, value) {
  console.log(JSON.stringify([step, value]));
}

function call(name, ...given) {
  return new Promise((resolve, reject) => {
    client[name](...given, (error, value) => (error ? reject(error) : resolve(value)));
  });
}

function failing(name, ...given) {
  return call(name, ...given).then(
    () => 'no error',
    (error) => error.message,
  );
}

function sent(stream, content) {
  return new Promise((resolve, reject) => {
    stream.on('finish', resolve);
    stream.on('error', reject);
    Readable.from([content]).pipe(stream); // it has to be piped into
  });
}

function received(stream) {
  return new Promise((resolve, reject) => {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.on('error', reject);
    stream.on('finish', () => resolve(Buffer.concat(parts)));
  });
}

async function main() {
  await call('mkdir', `${home}/folder`, '0750');
  await call('writeFile', `${home}/folder/file`, 'one');
  await call('appendFile', `${home}/folder/file`, ' two');
  told('read', (await call('readFile', `${home}/folder/file`)).toString());
  const status = await call('stat', `${home}/folder/file`);
  told('stat', [status.length, status.owner, status.type]);
  told('list', (await call('readdir', `${home}/folder`)).map((each) => each.pathSuffix));
  await call('chmod', `${home}/folder/file`, '0600');
  told('mode', (await call('stat', `${home}/folder/file`)).permission);
  told('there', await new Promise((resolve) => client.exists(`${home}/folder`, resolve)));
  await call('rename', `${home}/folder/file`, `${home}/folder/other`);
  await sent(client.createWriteStream(`${home}/large`), large);
  told('large', (await received(client.createReadStream(`${home}/large`))).equals(large));
  told('missing', await failing('stat', `${home}/missing`));
  told('denied', await failing('mkdir', '/user/somebody-elses', '0755'));
  await call('unlink', `${home}/folder`, true);
  told('gone', await new Promise((resolve) => client.exists(`${home}/folder`, resolve)));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
