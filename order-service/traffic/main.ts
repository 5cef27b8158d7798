import { Generator } from './generator.ts';
import { readTrafficSettings } from './settings.ts';

const settings = readTrafficSettings();
const generator = new Generator(settings);
const startedMs = performance.now();
let lineMs = startedMs;
generator.start();

const lines = setInterval(() => {
  const now = performance.now();
  console.log(JSON.stringify(generator.stats.takeLine(new Date(), (now - lineMs) / 1000)));
  lineMs = now;
}, 1000);

async function stop(): Promise<void> {
  clearInterval(lines);
  const seconds = (performance.now() - startedMs) / 1000;
  await Promise.race([generator.stop(), new Promise((resolve) => setTimeout(resolve, 1500))]);
  console.log(JSON.stringify({ summary: true, seconds, ...generator.stats.summary(new Date(), seconds) }));
  process.exit(0);
}

process.once('SIGTERM', () => void stop());
process.once('SIGINT', () => void stop());
