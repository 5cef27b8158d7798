/** Everything that an `apply` would do where nothing is yet, as text that a shell could run. */
import { restoreText } from './restore.ts';
import { wantedRoutes } from './routes.ts';
import type { Family } from './rule.ts';
import { captureRules } from './rules.ts';
import { arrange } from './ruleset.ts';
import type { CaptureSettings } from './settings.ts';

/** What `--dry-run` prints. */
export function plan(settings: CaptureSettings, families: readonly Family[]): string {
  const routes = wantedRoutes(settings, families).map(({ add }) => `ip ${add.join(' ')}\n`);
  const rules = families.map((family) => {
    const text = restoreText(arrange(captureRules(settings, family)), new Map());
    return `${family === 4 ? 'iptables' : 'ip6tables'}-restore --noflush <<'END'\n${text}END\n`;
  });
  return [...routes, ...rules].join('');
}
