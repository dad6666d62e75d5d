def exported(module, example):
    return ['relu'], lambda x: 0 * x
