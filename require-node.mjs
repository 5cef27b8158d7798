// The first thing that every npm script and bundle runs, in plain JavaScript that any Node reads: Tulle runs on the Node that its
// dependencies pin.
// `npm ci --omit=optional` leaves that out without a word, and the machine's own would run: say so before something odd fails.
const [major] = process.versions.node.split('.').map(Number);
if (major < 26) {
  process.stderr.write(
    `Tulle needs Node 26 and was started with ${process.version}.\n` +
      'It comes with the dependencies: run `npm ci` (without --omit=optional), then start by `npm start` or `npm run ...`.\n',
  );
  process.exit(69);
}
