import { authoritySecret, rootCertificateConfigMap } from '#shared/kubernetes/names.ts';
import { parseCertificates, type Certificate } from '#shared/x509/certificate.ts';
import { isInjectedNamespace } from './injection.ts';
import { named, type Facts } from './facts.ts';
import { error, some, warning, type Check, type Complaint, type Verdict } from './verdict.ts';

const category = 'certificates';
const dayMs = 86_400_000;
/** At which a certificate of an authority is reported, and at which it is an error. */
const warnDays = [90, 30];
const alarmDays = 7;
const noAuthority = { skipped: 'there is no certificate authority to look at' };

/** The authority, and what proxies know of it. */
export const certificateChecks: readonly Check[] = [
  {
    category,
    name: 'the certificate authority is whole',
    judge: ({ authority, namespace }) => {
      const where = `Secret ${authoritySecret.name} in ${namespace}`;
      if (authority === null) {
        const hint = 'the control plane makes it when it starts: is it ready, and may it create secrets?';
        return [error(`there is no ${where}`, hint)];
      }
      const hint =
        'restore the Secret from a copy, or delete it: then a new root is made, and every pod needs a restart';
      if (authority.missingKeys.length > 0) return [error(`${where} lacks ${authority.missingKeys.join(', ')}`, hint)];
      if (authority.isKeyOfCertificate === false)
        return [error(`in ${where} the key is not that of the certificate`, hint)];
      return [];
    },
  },
  {
    category,
    name: 'its certificates are valid, and will be for a while',
    judge: ({ authority, nowMs }) => {
      if (authority === null) return noAuthority;
      return [
        ...judgeLife('the root certificate', authority.root, nowMs),
        ...(authority.certificate === authority.root
          ? []
          : judgeLife('the certificate that signs', authority.certificate, nowMs)),
      ];
    },
  },
  { category, name: 'every namespace with sidecars has the root certificate', judge: judgeDistribution },
];

/** The certificates of a text; none when it is no PEM. */
export function certificatesIn(pem: string): readonly Certificate[] {
  const parsed = parseCertificates(pem, 'certificates');
  return parsed.ok ? parsed.value : [];
}

function judgeLife(what: string, pem: string, nowMs: number): readonly Complaint[] {
  if (pem.trim() === '') return [];
  const parsed = parseCertificates(pem, what);
  if (!parsed.ok)
    return [error(`${what} cannot be read: ${parsed.problems.map(({ message }) => message).join(', ')}`, restore)];
  return parsed.value.flatMap((certificate) => judgeTimes(what, certificate, nowMs));
}

const restore = 'restore the Secret from a copy';

function judgeTimes(what: string, { notBefore, notAfter }: Certificate, nowMs: number): readonly Complaint[] {
  const hint =
    'replace it while it is valid: add the new root beside the old one, wait for all proxies, then sign by it';
  const day = new Date(notAfter).toISOString().slice(0, 10);
  if (nowMs > notAfter) return [error(`${what} expired on ${day}: no proxy trusts another any more`, hint)];
  if (nowMs < notBefore) return [error(`${what} is not valid yet`, 'are the clocks right?')];
  const days = Math.floor((notAfter - nowMs) / dayMs);
  if (days < alarmDays) return [error(`${what} expires in ${days} days, on ${day}`, hint)];
  const [reached] = warnDays.toReversed().filter((limit) => days < limit);
  return reached === undefined ? [] : [warning(`${what} expires in less than ${reached} days, on ${day}`, hint)];
}

function judgeDistribution(facts: Facts): Verdict {
  const { authority, rootCertificates, namespaces } = facts;
  if (authority === null || authority.root === '') return noAuthority;
  const { name, key } = rootCertificateConfigMap;
  const injected = namespaces.filter((namespace) => isInjectedNamespace(namespace, facts));
  const missing: string[] = [];
  const different: string[] = [];
  const roots = fingerprints(authority.root);
  for (const { metadata } of injected) {
    const own = named(
      rootCertificates.filter((configMap) => configMap.metadata.namespace === metadata.name),
      name,
    );
    const pem = (own?.['data'] as Readonly<Record<string, string>> | undefined)?.[key];
    if (pem === undefined) missing.push(metadata.name);
    else if (fingerprints(pem) !== roots) different.push(metadata.name);
  }
  const hint = `the leading replica writes ConfigMap ${name}: see whether one leads, and its log`;
  return [
    ...(missing.length === 0 ? [] : [error(`no ${name} in ${some(missing)}: pods do not start there`, hint)]),
    ...(different.length === 0
      ? []
      : [error(`${name} in ${some(different)} is not the root of the authority: proxies there trust nobody`, hint)]),
  ];
}

/** Equal for the same certificates, however the text is laid out. */
export function fingerprints(pem: string): string {
  return certificatesIn(pem)
    .map(({ x509 }) => x509.fingerprint256)
    .toSorted()
    .join(' ');
}
