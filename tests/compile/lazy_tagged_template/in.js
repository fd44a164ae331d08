get(url`/x/${$.id}`);
