import type { InjectionSettings } from '#shared/injection/injection-settings.ts';
import { inject, type Injection } from '#shared/injection/inject.ts';
import { podTemplatesOf, type PodTemplate } from '#shared/injection/pod-templates.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { patchText, splitText, type TextPart } from './yaml-text.ts';

/** How a file is injected. */
export type TextFacts = Readonly<{
  settings: InjectionSettings;
  /** Of what says none itself. */
  namespace: string;
  takesNativeSidecars: boolean;
}>;

/** A file with its pods injected. `notes` is what was not injected and what is doubtful, `problems` what was refused: then `text` is no use. */
export type InjectedText = Readonly<{
  text: string;
  notes: readonly string[];
  problems: readonly string[];
  injected: number;
}>;

/** Injects every pod and pod template of a file; all else passes letter by letter. */
export function injectText(text: string, facts: TextFacts): InjectedText {
  const notes: string[] = [];
  const problems: string[] = [];
  let injected = 0;
  const parts = splitText(text).map((part) => {
    if (part.problem !== null) problems.push(part.problem);
    const patches = templatesOf(part).flatMap((template) => {
      const name = nameOf(template);
      if (template.fault !== null) {
        problems.push(`${name}: ${template.fault}`);
        return [];
      }
      const result = inject(template.pod, factsOf(template, facts), facts.settings);
      if (!result.ok) {
        problems.push(...result.problems.map((one) => `${name}: ${formatProblems([one])}`));
        return [];
      }
      notes.push(
        ...result.warnings.map((one) => `${name}: ${formatProblems([one])}`),
        ...notInjected(name, result.value),
      );
      if (result.value.decision.inject) injected++;
      return result.value.patch.length === 0 ? [] : [{ path: template.path, patch: result.value.patch }];
    });
    return patches.length === 0 ? part.text : patchText(part, patches);
  });
  return { text: parts.join(''), notes, problems, injected };
}

function templatesOf({ document }: TextPart): PodTemplate[] {
  return document === null ? [] : podTemplatesOf(document.toJS({ maxAliasCount: 100 }));
}

function factsOf({ owner, namespace }: PodTemplate, facts: TextFacts) {
  return {
    namespace: namespace ?? facts.namespace,
    namespaceLabels: null,
    namespaceAnnotations: {},
    owner,
    takesNativeSidecars: facts.takesNativeSidecars,
  };
}

function nameOf({ owner, pod, namespace }: PodTemplate): string {
  const { kind, name } = owner ?? { kind: 'Pod', name: pod.metadata?.name ?? pod.metadata?.generateName ?? '' };
  return `${kind} ${namespace === null ? '' : `${namespace}/`}${name}`;
}

function notInjected(name: string, { decision }: Injection): string[] {
  return decision.inject ? [] : [`${name}: not injected, ${decision.message}`];
}
