/** What can be measured, how it is written, and whether more or less of it is better. */

type Kind = Readonly<{ label: string; unit: string; digits: number; better: 'less' | 'more' }>;

const kinds = {
  cpuUs: { label: 'us/hop', unit: 'us of CPU a hop', digits: 1, better: 'less' },
  inCpuUs: { label: 'us in', unit: 'us of CPU', digits: 1, better: 'less' },
  outCpuUs: { label: 'us out', unit: 'us of CPU', digits: 1, better: 'less' },
  userUs: { label: 'user', unit: 'us of CPU a hop in user mode', digits: 1, better: 'less' },
  rps: { label: 'per s', unit: 'a second', digits: 0, better: 'more' },
  p50Us: { label: 'p50 us', unit: 'us', digits: 0, better: 'less' },
  p99Us: { label: 'p99 us', unit: 'us', digits: 0, better: 'less' },
  p999Us: { label: 'p99.9 us', unit: 'us', digits: 0, better: 'less' },
  addedP50Us: { label: 'added p50', unit: 'us more than without a proxy', digits: 0, better: 'less' },
  addedP99Us: { label: 'added p99', unit: 'us more than without a proxy', digits: 0, better: 'less' },
  inMb: { label: 'RSS in', unit: 'MB', digits: 0, better: 'less' },
  outMb: { label: 'RSS out', unit: 'MB', digits: 0, better: 'less' },
  residentMb: { label: 'RSS', unit: 'MB resident, the greater of the two', digits: 0, better: 'less' },
  idleMb: { label: 'RSS idle', unit: 'MB resident, the greater of the two', digits: 0, better: 'less' },
  mbPerSecond: { label: 'MB/s', unit: 'MB a second', digits: 0, better: 'more' },
  plainKb: { label: 'KB a plaintext connection', unit: 'KB', digits: 1, better: 'less' },
  tlsKb: { label: 'KB a TLS connection', unit: 'KB', digits: 1, better: 'less' },
  workerMb: { label: 'PSS of a further worker', unit: 'MB', digits: 1, better: 'less' },
} as const satisfies Record<string, Kind>;

export type Figure = keyof typeof kinds;

/** How a figure is written. */
export const kindOf = (figure: Figure): Kind => kinds[figure];

/** A figure's value by its name; a measurement has some of them. */
export type Figures = Readonly<Partial<Record<Figure, number>>>;

/** What one run of one target gave. `errors`: what went wrong in the load; empty if nothing. */
export type Sample = Readonly<{ figures: Figures; errors: string; foreignCores: number }>;
