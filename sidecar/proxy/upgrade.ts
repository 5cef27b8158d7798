import type { CompiledRoute } from '../routing/compiled-route.ts';

/** Whether a request may become a tunnel of this kind (`websocket`): the route's word counts before the manager's. */
export function mayUpgrade(upgrade: string, allowed: ReadonlySet<string>, route: CompiledRoute | null): boolean {
  const kind = upgrade.toLowerCase();
  const action = route?.config.action;
  const ofRoute = action?.kind === 'forward' ? action.upgrades.get(kind) : undefined;
  return ofRoute ?? allowed.has(kind);
}
