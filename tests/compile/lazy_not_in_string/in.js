get("$.a.b");
dataPath("$");
