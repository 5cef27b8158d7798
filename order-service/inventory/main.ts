import { runService } from '../service/run-service.ts';
import { build } from './app.ts';
import { readInventorySettings } from './settings.ts';

process.exit(await runService(async () => build(readInventorySettings())));
