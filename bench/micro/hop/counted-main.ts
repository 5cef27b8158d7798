/** Plays so many requests and ends; `count-main.ts` runs it under valgrind, a hundred times slower. */
import { Crowd, parsePlay } from './crowd.ts';

const [requests, ...play] = process.argv.slice(2);
await (await Crowd.start(parsePlay(play))).ask(Number(requests));
process.exit(0);
