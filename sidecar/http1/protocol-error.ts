/** A rule of HTTP/1.1 that a peer broke: how a request is answered for it, and what is logged. */
export type ProtocolFault = Readonly<{
  status: 400 | 417 | 431 | 501 | 505;
  /** Envoy's response code details. */
  details: string;
  message: string;
}>;

const codecError = (message: string): ProtocolFault => ({ status: 400, details: 'http1.codec_error', message });
const invalidUrl = (message: string): ProtocolFault => ({ status: 400, details: 'http1.invalid_url', message });
const invalidCharacters = (message: string): ProtocolFault => ({
  status: 400,
  details: 'http1.invalid_characters',
  message,
});

/** Every way in which a message can be malformed. */
export const faults = {
  controlCharacter: invalidCharacters('control character in the head (RFC 9110 5.5)'),
  bareCr: codecError('CR without LF (RFC 9112 2.2)'),
  bareLf: codecError('LF without CR (RFC 9112 2.2)'),
  tooManyEmptyLines: codecError('too many empty lines before the request line'),
  headTooLarge: { status: 431, details: 'http1.headers_too_large', message: 'head above the size limit' },
  tooManyFields: { status: 431, details: 'http1.too_many_headers', message: 'more fields than the limit' },
  requestLine: codecError('malformed request line (RFC 9112 3)'),
  unknownMethod: codecError('unknown method'),
  version: codecError('malformed HTTP version (RFC 9112 2.3)'),
  unsupportedVersion: { status: 505, details: 'http1.codec_error', message: 'HTTP version is neither 1.0 nor 1.1' },
  target: invalidUrl('malformed request target (RFC 9112 3.2)'),
  scheme: {
    status: 400,
    details: 'http1.invalid_scheme',
    message: 'scheme of the request target is not http or https',
  },
  statusLine: codecError('malformed status line (RFC 9112 4)'),
  fieldName: codecError('malformed field name, or blank before its colon, or a folded line (RFC 9112 5.1, 5.2)'),
  fieldValue: invalidCharacters('malformed field value (RFC 9110 5.5)'),
  hostMissing: { status: 400, details: 'missing_host_header', message: 'no Host (RFC 9112 3.2)' },
  hostRepeated: codecError('more than one Host (RFC 9112 3.2)'),
  hostInvalid: codecError('malformed Host (RFC 9112 3.2)'),
  contentLength: codecError('malformed Content-Length (RFC 9112 6.3)'),
  contentLengthsDiffer: codecError('several Content-Lengths that differ (RFC 9112 6.3)'),
  lengthAndCoding: {
    status: 400,
    details: 'http1.content_length_and_chunked_not_allowed',
    message: 'both Content-Length and Transfer-Encoding (RFC 9112 6.1)',
  },
  codingUnknown: {
    status: 501,
    details: 'http1.invalid_transfer_encoding',
    message: 'transfer coding other than chunked (RFC 9112 6.1)',
  },
  codingMalformed: {
    status: 400,
    details: 'http1.invalid_transfer_encoding',
    message: 'malformed Transfer-Encoding, or chunked is not the last coding or there twice (RFC 9112 6.1)',
  },
  codingInOldVersion: {
    status: 400,
    details: 'http1.transfer_encoding_not_allowed',
    message: 'Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)',
  },
  bodyDisallowed: { status: 400, details: 'http1.body_disallowed', message: 'CONNECT with a body (RFC 9110 9.3.6)' },
  connectionOptions: {
    status: 400,
    details: 'http1.connection_header_rejected',
    message: 'malformed Connection (RFC 9110 7.6.1)',
  },
  expectation: {
    status: 417,
    details: 'http1.codec_error',
    message: 'Expect other than 100-continue (RFC 9110 10.1.1)',
  },
  chunkSize: codecError('malformed chunk size (RFC 9112 7.1)'),
  chunkExtension: codecError('malformed or overlong chunk extension (RFC 9112 7.1.1)'),
  chunkEnd: codecError('chunk data is not followed by CRLF (RFC 9112 7.1)'),
  unaskedUpgrade: codecError('101 to a request that asked for no upgrade (RFC 9110 15.2.2)'),
  truncated: codecError('the connection closed in the middle of a message (RFC 9112 8)'),
} satisfies Record<string, ProtocolFault>;
