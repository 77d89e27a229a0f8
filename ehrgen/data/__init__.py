"""What are the patients?"""
