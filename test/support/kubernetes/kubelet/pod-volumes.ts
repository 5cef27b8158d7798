/** The volumes of one pod on disk: prepared before its containers start, written anew when what they are made of changes. */
import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mount } from './container-script.ts';
import type { Container, Pod, Volume } from './objects.ts';
import { type Files, filesOf, isWritten, type VolumeSources, writeVolume } from './volumes.ts';

export type VolumeSettings = Readonly<{
  folder: string;
  claims: string;
  sources: VolumeSources;
  log: (line: string) => void;
}>;

/** A token is asked for anew after this part of the time it lives, as a kubelet does. */
const tokenShare = 0.8;

export class PodVolumes {
  readonly #pod: Pod;
  readonly #settings: VolumeSettings;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #written = new Map<string, string>();
  readonly #tokens = new Map<string, Readonly<{ token: Promise<string>; seconds: number }>>();
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(pod: Pod, settings: VolumeSettings) {
    this.#pod = pod;
    this.#settings = settings;
  }

  /** Waits for ConfigMaps and Secrets that are not there yet, until it is told to stop. */
  async prepare(signal: AbortSignal): Promise<void> {
    const group = this.#group;
    for (const volume of this.#volumes) {
      const folder = this.#folderOf(volume);
      await mkdir(folder, { recursive: true });
      if (volume.emptyDir !== undefined || volume.persistentVolumeClaim !== undefined) {
        await chmod(folder, 0o777);
        if (group !== undefined) await chown(folder, 0, group);
      }
    }
    while (!signal.aborted) {
      try {
        await this.#inTurn();
        break;
      } catch (error) {
        this.#settings.log(`pod ${this.#pod.metadata?.name}: ${String(error)}`);
        await sleep(200, undefined, { signal }).catch(() => undefined);
      }
    }
    this.#renewTokens();
  }

  /** Writes what has changed. */
  refresh(): Promise<void> {
    return this.#inTurn().catch((error: unknown) => this.#settings.log(String(error)));
  }

  /** One pass at a time: two would write into each other's files. */
  #inTurn(): Promise<void> {
    const pass = this.#turn.then(() => this.#write());
    this.#turn = pass.catch(() => undefined);
    return pass;
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async mountsOf({ volumeMounts = [], name }: Container): Promise<Mount[]> {
    const mounts: Mount[] = [];
    for (const { name: volumeName, mountPath, subPath, readOnly = false } of volumeMounts) {
      const volume = this.#volumes.find((each) => each.name === volumeName);
      if (volume === undefined) throw new Error(`container ${name}: no volume ${volumeName}`);
      const folder = this.#folderOf(volume);
      const source = subPath === undefined ? folder : join(folder, subPath);
      if (subPath !== undefined && !isWritten(volume)) {
        await mkdir(source, { recursive: true });
        await chmod(source, 0o777);
      }
      mounts.push({ source, target: mountPath, readOnly });
    }
    return mounts;
  }

  get #volumes(): readonly Volume[] {
    return this.#pod.spec?.volumes ?? [];
  }

  get #group(): number | undefined {
    return this.#pod.spec?.securityContext?.fsGroup;
  }

  #folderOf({ name, hostPath, persistentVolumeClaim }: Volume): string {
    const { folder, claims } = this.#settings;
    if (hostPath !== undefined) return hostPath.path;
    if (persistentVolumeClaim === undefined) return join(folder, 'volumes', name);
    return join(claims, this.#pod.metadata?.namespace ?? '', persistentVolumeClaim.claimName);
  }

  async #write(): Promise<void> {
    if (this.#closed) return;
    for (const volume of this.#volumes.filter(isWritten)) {
      const files = await filesOf(volume, this.#pod, {
        ...this.#settings.sources,
        token: (...of) => this.#token(...of),
      });
      const fingerprint = fingerprintOf(files);
      if (this.#written.get(volume.name) === fingerprint) continue;
      await writeVolume(this.#folderOf(volume), files, this.#group);
      this.#written.set(volume.name, fingerprint);
    }
  }

  #token(audience: string | undefined, seconds: number): Promise<string> {
    const key = audience ?? '';
    const kept = this.#tokens.get(key) ?? { token: this.#settings.sources.token(audience, seconds), seconds };
    kept.token.catch(() => this.#tokens.delete(key));
    this.#tokens.set(key, kept);
    return kept.token;
  }

  #renewTokens(): void {
    for (const [key, { seconds }] of this.#tokens) {
      const renew = () => {
        this.#tokens.delete(key);
        void this.refresh();
      };
      this.#timers.add(setInterval(renew, Math.min(seconds * tokenShare * 1000, 2 ** 31 - 1)));
    }
  }
}

const fingerprintOf = (files: Files): string =>
  JSON.stringify(Object.entries(files).map(([path, content]) => [path, Buffer.from(content).toString('base64')]));
