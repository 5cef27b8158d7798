import { grpcStatusNames } from '#shared/runtime/grpc-status-names.ts';

const camelNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

/** How `%GRPC_STATUS(FORM)%` prints a status. */
export type GrpcStatusForm = 'CAMEL_STRING' | 'SNAKE_STRING' | 'NUMBER';

/** Whether a text is one of the forms. */
export function isGrpcStatusForm(text: string): text is GrpcStatusForm {
  return text === 'CAMEL_STRING' || text === 'SNAKE_STRING' || text === 'NUMBER';
}

/** A gRPC status in this form, as Envoy's GRPC_STATUS prints it; the number if it has no name. */
export function grpcStatusText(status: number, form: GrpcStatusForm): string {
  switch (form) {
    case 'CAMEL_STRING':
      return camelNames[status] ?? String(status);
    case 'SNAKE_STRING':
      return grpcStatusNames[status] ?? String(status);
    case 'NUMBER':
      return String(status);
  }
}
