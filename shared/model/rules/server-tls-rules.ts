import type { Field } from './field.ts';
import type { Report } from './report.ts';

/** Istio's rules for the `tls` of a Sidecar's ingress listener. */
export function checkServerTls(tls: Field, report: Report): void {
  if (!tls.isObject) return;
  const mode = tls.get('mode').text;
  if (tls.get('subjectAltNames').items.length > 0)
    report.error(tls.get('subjectAltNames'), 'subjectAltNames is not supported in ingress tls');
  if (tls.get('httpsRedirect').isTrue) report.error(tls.get('httpsRedirect'), 'httpsRedirect is not supported');
  for (const name of ['credentialName', 'credentialNames']) {
    if (tls.get(name).isSet) report.error(tls.get(name), `${name} is not currently supported`);
  }
  if (mode === 'ISTIO_MUTUAL' || mode === 'AUTO_PASSTHROUGH')
    report.error(tls.get('mode'), `cannot set mode to ${mode} in sidecar ingress tls`);
  if (mode === 'SIMPLE' || mode.endsWith('MUTUAL')) checkFiles(tls, mode, report);
}

function checkFiles(tls: Field, mode: string, report: Report): void {
  if (mode === 'ISTIO_MUTUAL') return;
  const hasList = tls.get('tlsCertificates').items.length > 0;
  const needed = hasList ? [] : ['serverCertificate', 'privateKey'];
  for (const name of mode === 'SIMPLE' ? needed : [...needed, 'caCertificates']) {
    if (tls.get(name).text === '') report.error(tls.get(name), `${mode} TLS requires ${name}`);
  }
  if (mode === 'SIMPLE' && tls.get('caCrl').text !== '')
    report.error(tls.get('caCrl'), 'CRL is not supported with SIMPLE TLS');
}
