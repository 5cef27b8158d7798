import type { HeaderAction, HeaderOps } from '../../snapshot/route.ts';
import type { Reader } from './reader.ts';

const actions: Record<string, HeaderAction> = {
  APPEND_IF_EXISTS_OR_ADD: 'append',
  ADD_IF_ABSENT: 'add_if_absent',
  OVERWRITE_IF_EXISTS_OR_ADD: 'overwrite',
  OVERWRITE_IF_EXISTS: 'overwrite_if_exists',
};

/** The four header fields that tables, hosts, routes and weighted clusters share. */
export function decodeHeaderOps(reader: Reader): { requestHeaders: HeaderOps; responseHeaders: HeaderOps } {
  return {
    requestHeaders: {
      add: reader.messages('request_headers_to_add').map(decodeHeaderOption),
      remove: reader.strings('request_headers_to_remove').map((name) => name.toLowerCase()),
    },
    responseHeaders: {
      add: reader.messages('response_headers_to_add').map(decodeHeaderOption),
      remove: reader.strings('response_headers_to_remove').map((name) => name.toLowerCase()),
    },
  };
}

function decodeHeaderOption(reader: Reader): HeaderOps['add'][number] {
  const header = reader.message('header');
  const name = reader.string('append_action', 'APPEND_IF_EXISTS_OR_ADD');
  const append = reader.bool('append', true);
  const action = actions[name];
  if (action === undefined) reader.refuse('append_action', `${name} is not known`);
  if (header === null) reader.refuse('header', 'is needed');
  const option = {
    name: (header?.string('key') ?? '').toLowerCase(),
    value: header?.string('value') ?? '',
    action: append ? (action ?? 'append') : 'overwrite',
    keepEmpty: reader.bool('keep_empty_value'),
  } as const;
  header?.done();
  reader.done();
  return option;
}
