/** Every way in which a header block can be malformed: what `HpackDecoder.decode` answers. Each is a COMPRESSION_ERROR (RFC 9113 4.3). */
export const faults = {
  integerCut: 'header block ends within an integer (RFC 7541 5.1)',
  integerLong: 'integer of more than five octets behind its prefix (RFC 7541 5.1)',
  stringCut: 'header block ends within a string (RFC 7541 5.2)',
  huffmanEos: 'Huffman string contains EOS (RFC 7541 5.2)',
  huffmanPadding: 'Huffman string is not padded by less than eight bits of EOS (RFC 7541 5.2)',
  indexZero: 'index 0 (RFC 7541 6.1)',
  indexUnknown: 'index beyond the tables (RFC 7541 2.3.3)',
  updateLate: 'table size update behind a field (RFC 7541 4.2)',
  updateLarge: 'table size update above our limit (RFC 7541 6.3)',
} as const;
