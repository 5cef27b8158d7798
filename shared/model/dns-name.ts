/** Names as RFC 1123 and Kubernetes have them. */

const label = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const labelAnyCase = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/i;
const maxLabel = 63;
const maxSubdomain = 253;

/** Whether a text is a DNS label in small letters: up to 63 of a-z, 0-9 and `-`, beginning and ending with no `-`. */
export function isDnsLabel(text: string): boolean {
  return text.length <= maxLabel && label.test(text);
}

/** Whether a text is a DNS label, large letters allowed (which Istio takes in hosts and names). */
export function isDnsLabelAnyCase(text: string): boolean {
  return text.length <= maxLabel && labelAnyCase.test(text);
}

/** Whether a text is a name of Kubernetes: DNS labels in small letters with dots between, up to 253 characters. */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= maxSubdomain && text.split('.').every((part) => label.test(part));
}
