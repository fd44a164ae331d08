fn(s => ({ ...s, data: 'x //# sourceMappingURL=y' }));
//# sourceMappingURL=data:application/json;base64,e30=
