import { runService } from '../service/run-service.ts';
import { build } from './app.ts';
import { readPaymentsSettings } from './settings.ts';

process.exit(await runService(async () => build(readPaymentsSettings())));
