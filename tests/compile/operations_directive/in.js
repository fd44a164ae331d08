'use strict';
fn(1);
