'use strict';

/**
 * A connection string as it may be shown. A malformed one has no reliable parts, so all that may be a password goes:
 * what lies between the first colon behind the scheme and the last @, and, without an @, whatever stands where a port
 * should be and is no number.
 */
function redact(text) {
  return text
    .slice(0, 1000)
    .replace(/((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^&\s,]*)/gi, '$1***')
    .replace(/^(\s*(?:[a-z]+:\/\/|[a-z]+\/\/|\/\/)?[^:@/\s,]*):.*@/is, '$1:***@')
    .replace(/(:\/\/[^:@/,]*):(?!\d+(?:[/?,]|$)|\*\*\*@)[^@/?,]*/g, '$1:***');
}

module.exports = { redact };
