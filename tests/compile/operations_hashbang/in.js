#!/usr/bin/env openfn
fn(1);
