import { injectLabel, overridesAnnotation, ownName, ownPrefix, statusAnnotation } from '../kubernetes/names.ts';
import { problem, warning, type Problem } from '../runtime/result.ts';
import { valueChecks } from './annotation-values.ts';
import { annotationsOf, type PodFragment } from './pod.ts';

const notHonouredCode = 'TUL0103';

/** Families of annotations that have our prefix too: `traffic.sidecar.istio.io/X` is `mesh.tulle.dev/X`. */
const families = ['sidecar.istio.io/', 'traffic.sidecar.istio.io/', 'inject.istio.io/', 'proxy.istio.io/'];

/** What is read elsewhere, and has a check of its own there. */
const readElsewhere = [
  injectLabel,
  statusAnnotation,
  overridesAnnotation,
  'inject.istio.io/templates',
  'proxy.istio.io/config',
  'istio.io/rev',
];

/** What an annotation of Istio's name says, by our prefix or Istio's (ours wins); undefined where neither is there. */
export function annotation(pod: PodFragment, name: string): string | undefined {
  const annotations = annotationsOf(pod);
  return (hasOwnName(name) ? annotations[ownName(name)] : undefined) ?? annotations[name];
}

/** The name under which an annotation stands in a pod: ours where it is set, else Istio's. */
export function annotationName(pod: PodFragment, name: string): string {
  return hasOwnName(name) && annotationsOf(pod)[ownName(name)] !== undefined ? ownName(name) : name;
}

/** What is wrong with the annotations of a pod (errors), and which of the mesh's are not honoured (warnings). Paths are their names. */
export function checkAnnotations(pod: PodFragment): Problem[] {
  const istioNames = new Map(
    [...Object.keys(valueChecks), ...readElsewhere].filter(hasOwnName).map((name) => [ownName(name), name]),
  );
  return Object.entries(annotationsOf(pod)).flatMap(([name, value]) => {
    const istioName = istioNames.get(name) ?? name;
    const right = valueChecks[istioName]?.(value) ?? null;
    if (right !== null) return [problem(name, `${JSON.stringify(value)} is not valid, ${right}`)];
    const isKnown = istioName in valueChecks || readElsewhere.includes(istioName);
    return !isKnown && isOfInjection(name) ? [warning(name, 'is not honoured', notHonouredCode)] : [];
  });
}

function hasOwnName(name: string): boolean {
  return families.some((family) => name.startsWith(family));
}

/** Names that only an injector reads; under our prefix there are others' annotations as well, which are not ours to judge. */
function isOfInjection(name: string): boolean {
  return hasOwnName(name) || (/(^|\.)(sidecar|prometheus)\.istio\.io\//.test(name) && !name.startsWith(ownPrefix));
}
