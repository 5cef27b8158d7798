import { describe, it } from 'node:test';
import { storeContract } from '../tck/store-contract.ts';
import { MemoryStore } from './memory-store.ts';

describe('MemoryStore keeps the contract: it', () => {
  for (const [name, run] of Object.entries(storeContract)) it(name, () => run(new MemoryStore()));
});
