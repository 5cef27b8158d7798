import { isJoinToken, type JoinTokens } from '../join-token.ts';
import type { Attestor } from './attestor.ts';

/** Knows callers by the join token in `authorization: Bearer`. */
export function joinTokenAttestor(tokens: JoinTokens): Attestor {
  return {
    name: 'join token',
    async attest({ authorization }) {
      const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined || !isJoinToken(token)) return { kind: 'absent' };
      const claims = tokens.verify(token);
      if (!claims.ok) return { kind: 'refused', problems: claims.problems };
      const { trustDomain, namespace, serviceAccount } = claims.value;
      return { kind: 'attested', identity: { trustDomain, namespace, serviceAccount }, pod: null };
    },
  };
}
