import { z } from 'zod';
import { commonSettings, parseSettings } from '../service/settings.ts';

const shape = commonSettings.extend({
  /** What the warehouse is found to have of a sku that was never received; 0 for nothing. */
  OPENING_STOCK: z.coerce.number().int().min(0).max(1_000_000_000).default(1_000_000),
});

/** The settings of inventory. */
export type InventorySettings = z.output<typeof shape>;

/** The settings that the environment gives. */
export function readInventorySettings(env: NodeJS.ProcessEnv = process.env): InventorySettings {
  return parseSettings(shape, env);
}
