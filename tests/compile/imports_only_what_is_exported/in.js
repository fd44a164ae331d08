fn(unknown);
