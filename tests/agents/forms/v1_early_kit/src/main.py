def handler(context):
    return context
