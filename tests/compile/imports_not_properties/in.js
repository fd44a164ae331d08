fn(a.get, { post: 1, each });
