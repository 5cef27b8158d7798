/** The `timeout` of a `Keep-Alive` field in milliseconds, or -1. */
export function parseKeepAliveTimeoutMs(value: string): number {
  for (const parameter of value.split(',')) {
    const [name = '', seconds = ''] = parameter.split('=');
    if (name.trim().toLowerCase() !== 'timeout') continue;
    const digits = seconds.trim();
    return /^\d{1,7}$/.test(digits) ? Number(digits) * 1000 : -1;
  }
  return -1;
}
