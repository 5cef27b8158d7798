/** `node shared/xds/pack-protos.ts`: writes `envoy.descriptor` anew, after the protos or the list of files changed. */
import { writeFileSync } from 'node:fs';
import { parseProtos } from './proto-parser.ts';

writeFileSync(new URL('envoy.descriptor', import.meta.url), `${JSON.stringify(parseProtos())}\n`);
