import { markOverdue } from './answers.ts';
import { pushDue, takeSnapshot } from './push.ts';
import type { Protocol, SessionEvent, SessionState, Step } from './session-state.ts';

/** One step of a stream in either form of the protocol: what is due goes out as soon as it may. */
export function stepStream<Request, Response>(
  state: SessionState,
  event: SessionEvent<Request>,
  protocol: Protocol<Response>,
  onRequest: (state: SessionState, request: Request) => Step<Response>,
): Step<Response> {
  switch (event.kind) {
    case 'request': {
      const [answered, effects] = onRequest(state, event.request);
      const [next, pushed] = pushDue(answered, protocol);
      return [next, [...effects, ...pushed]];
    }
    case 'snapshot':
      return pushDue(takeSnapshot(state, event.snapshot, protocol), protocol);
    case 'overdue':
      return pushDue(markOverdue(state, event.typeUrl, event.nonce), protocol);
  }
}
