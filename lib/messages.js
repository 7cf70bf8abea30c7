'use strict';

/* What the server sends besides answers, in pg's shapes. `length` is that of the protocol's message, as pg reports it. */

const { DATABASE_ERROR_FIELDS, messageLength } = require('./errors');

class NoticeMessage {
  constructor(fields) {
    this.length = messageLength(fields);
    this.message = fields.M;
    this.name = 'notice';
    for (const [name, letter] of Object.entries(DATABASE_ERROR_FIELDS)) this[name] = fields[letter];
  }
}

class NotificationResponseMessage {
  constructor({ processId, channel, payload }) {
    this.length = 10 + Buffer.byteLength(channel) + Buffer.byteLength(payload);
    this.processId = processId;
    this.channel = channel;
    this.payload = payload;
    this.name = 'notification';
  }
}

class ParameterStatusMessage {
  constructor(parameterName, parameterValue) {
    this.length = 6 + Buffer.byteLength(parameterName) + Buffer.byteLength(parameterValue);
    this.parameterName = parameterName;
    this.parameterValue = parameterValue;
    this.name = 'parameterStatus';
  }
}

module.exports = { NoticeMessage, NotificationResponseMessage, ParameterStatusMessage };
