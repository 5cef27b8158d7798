import type { Http2Options } from '../http2/options.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** What an HTTP/2 connection is made with besides its handler. */
export type Http2Setup = Readonly<{ options: Http2Options; wheel: TimerWheel }>;
