get(({ data }) => $.url + data);
