import { runService } from '../service/run-service.ts';
import { build } from './app.ts';
import { readOrdersSettings } from './settings.ts';

process.exit(await runService(async () => build(readOrdersSettings())));
