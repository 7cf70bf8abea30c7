'use strict';

function profileSections() {
  return [];
}

module.exports = { profileSections };
