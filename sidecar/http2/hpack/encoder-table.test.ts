import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EncoderTable } from './encoder-table.ts';

describe('what an encoder knows of names', () => {
  it('is forgotten with the last entry of a name', () => {
    const table = new EncoderTable(100);
    const record = table.recordOf('x');
    table.insert(record, '1');
    table.insert(record, '2');
    assert.equal(table.recordOf('x'), record);
    table.insert(table.recordOf('y'), '1');
    assert.equal(table.recordOf('x'), record);
    table.insert(table.recordOf('y'), '2');
    table.insert(table.recordOf('y'), '3');
    assert.notEqual(table.recordOf('x'), record);
  });

  it('is not kept of a name that never entered', () => {
    const table = new EncoderTable(100);
    assert.notEqual(table.recordOf('x'), table.recordOf('x'));
  });

  it('is kept of names of the static table, whose number is small', () => {
    const table = new EncoderTable(0);
    assert.equal(table.recordOf('server'), table.recordOf('server'));
  });
});
