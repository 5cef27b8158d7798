import type { Field } from './field.ts';
import type { Report } from './report.ts';

const fileFields = ['clientCertificate', 'caCertificates', 'privateKey', 'caCrl'];

/** Istio's rules for `tls` of a traffic policy: what a client of a service speaks. */
export function checkClientTls(tls: Field, report: Report): void {
  const mode = tls.get('mode').text;
  const isOwn = mode === 'SIMPLE' || mode === 'MUTUAL';
  if (isOwn && tls.get('insecureSkipVerify').isTrue) checkInsecure(tls, mode, report);
  if (isOwn && tls.get('credentialName').text !== '') {
    for (const name of fileFields) {
      const field = tls.get(name);
      if (field.text !== '') report.error(field, `cannot specify ${name} if credentialName is set`);
    }
    return;
  }
  if (mode !== 'MUTUAL') return;
  if (tls.get('clientCertificate').text === '')
    report.error(tls.get('clientCertificate'), 'client certificate required for mutual tls');
  if (tls.get('privateKey').text === '') report.error(tls.get('privateKey'), 'private key required for mutual tls');
}

function checkInsecure(tls: Field, mode: 'SIMPLE' | 'MUTUAL', report: Report): void {
  const names = ['caCertificates', 'subjectAltNames', ...(mode === 'SIMPLE' ? ['credentialName'] : [])];
  for (const name of names) {
    const field = tls.get(name);
    if (field.isSet && field.value !== '')
      report.error(field, `cannot specify ${name} when insecureSkipVerify is set true`);
  }
}
