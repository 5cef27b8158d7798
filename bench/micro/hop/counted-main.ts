/** Plays so many requests and ends; `count-main.ts` runs it under valgrind, a hundred times slower. */
import type { Hop, Wire } from '../../peers/pair.ts';
import { Crowd } from './crowd.ts';

const [wire, hop, shape, requests] = process.argv.slice(2) as [Wire, Hop, string, string];
await (await Crowd.start({ wire, hop, shape })).ask(Number(requests));
process.exit(0);
